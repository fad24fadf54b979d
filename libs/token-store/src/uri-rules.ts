/** How the metadata URL is made from the URI that a contract returns. */
export const URI_RULES = ['standard', 'as_is', 'append_decimal', 'base_uri'] as const;
