export { LONGEST_URI } from '@app/metadata-uri';

/** The largest document that is read, in bytes after decompression and after decoding. */
export const LARGEST_DOCUMENT = 5 * 1024 * 1024;
