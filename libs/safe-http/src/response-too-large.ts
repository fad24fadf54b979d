/** A body has more bytes than may be read of it. */
export class ResponseTooLarge extends Error {
  readonly code = 'TOO_LARGE';
}
