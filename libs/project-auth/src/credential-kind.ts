export const CREDENTIAL_KINDS = ['wallet_signature', 'api_key'] as const;
/** How a caller may show who it is. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];
