/** Nobody has registered it; the text says what. Answered with 404 and the code. */
export class ResourceNotFound extends Error {
  override readonly name = 'ResourceNotFound';
  constructor(
    readonly code: 'collection_not_found' | 'token_not_found',
    message: string,
  ) {
    super(message);
  }
}
