/** All ways in which a caller can authenticate. */
export const CREDENTIAL_KINDS = ['wallet_signature', 'api_key'] as const;
/** A way in which a caller authenticates. */
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];
