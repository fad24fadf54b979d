/** The longest URI that may lead to a request, in characters. Documents inside a `data:` URI have bounds of their own. */
export const MAX_URI_LENGTH = 8 * 1024;
