/** Nobody has registered it; the text says what. Answered with 404 and the code. */
export class NotKnown extends Error {
  override readonly name = 'NotKnown';
  constructor(
    readonly code: 'collection_not_found' | 'token_not_found',
    message: string,
  ) {
    super(message);
  }
}
