/** The largest response body that is read, in bytes after decompression. */
export const MAX_BODY_BYTES = 5 * 1024 * 1024;

/** The longest URL that is requested, in characters. */
export const MAX_URL_LENGTH = 8 * 1024;
