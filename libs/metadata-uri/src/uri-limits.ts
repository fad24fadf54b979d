/** The longest URI of a request, in characters. `data:` URIs have limits of their own. */
export const MAX_URI_LENGTH = 8 * 1024;
