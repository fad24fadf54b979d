/** The body exceeds the limit. */
export class ResponseTooLarge extends Error {
  readonly code = 'TOO_LARGE';
}
