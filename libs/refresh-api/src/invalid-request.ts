/** One rule that the request breaks. */
export interface BrokenRule {
  /** The names and indices that lead to the value; empty for a parameter of the path. */
  path: readonly string[];
  rule: string;
}

/** A field or a parameter of the request is invalid; the message names it and its rule. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
  constructor(
    message: string,
    /** The first broken rules. Empty: the message alone says what is invalid. */
    readonly brokenRules: readonly BrokenRule[] = [],
  ) {
    super(message);
  }
}
