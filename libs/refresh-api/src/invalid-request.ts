/** A field or a parameter of the request is invalid; the message names it and its rule. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}
