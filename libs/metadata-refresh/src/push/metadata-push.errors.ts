/** A document that was pushed has nothing to show. It would blank the record, so the whole push is refused. */
export class EmptyMetadata extends Error {
  override readonly name = 'EmptyMetadata';
  constructor(
    subject: string,
    /** What it was sent for. */
    readonly target: { tokenId: string } | { stackId: string },
  ) {
    super(
      `The metadata of ${subject} has nothing to show: give it a name, a description, an image, an animation, a link or an attribute.`,
    );
  }
}

/** The collection has no such stacks, or no token is in them. */
export class StacksNotFound extends Error {
  override readonly name = 'StacksNotFound';
  constructor(readonly stackIds: readonly string[]) {
    const named = stackIds.slice(0, 5).join(', ');
    super(`No token of the collection has the metadata id ${named}${stackIds.length > 5 ? ' and others' : ''}.`);
  }
}

/** More tokens than one push may write. */
export class StacksTooLarge extends Error {
  override readonly name = 'StacksTooLarge';
  constructor(
    /** Tokens of one push. */
    readonly limit: number,
    readonly tokens: number,
  ) {
    super(
      `A push may change the metadata of at most ${limit} tokens; ${tokens} tokens have these metadata ids. Push to fewer ids, or by token id.`,
    );
  }
}
