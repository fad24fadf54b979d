/** The largest document that is read, in bytes after decompression and after decoding. */
export const LARGEST_DOCUMENT = 5 * 1024 * 1024;

/** The longest URI that may lead to a request. Documents inside a `data:` URI are bounded by LARGEST_DOCUMENT instead. */
export const LONGEST_URI = 8 * 1024;
