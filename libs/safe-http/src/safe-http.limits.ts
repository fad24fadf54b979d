/** The largest response body, in bytes after decompression. */
export const MAX_BODY_BYTES = 5 * 1024 * 1024;

/** The longest URL of a request, in characters. */
export const MAX_URL_LENGTH = 8 * 1024;
