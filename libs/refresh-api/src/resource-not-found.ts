/** The collection or token is not registered. The response is a 404 with the code. */
export class ResourceNotFound extends Error {
  override readonly name = 'ResourceNotFound';
  constructor(
    readonly code: 'collection_not_found' | 'token_not_found',
    message: string,
  ) {
    super(message);
  }
}
