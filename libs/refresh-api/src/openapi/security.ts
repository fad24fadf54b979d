import type { CredentialKind } from '@app/project-auth';
import { ApiSecurity, type OpenAPIObject } from '@nestjs/swagger';

export const API_KEY = 'apiKey';
/** The API key in the header of the zkEVM API. */
export const IMMUTABLE_API_KEY = 'immutableApiKey';
/** A wallet signature needs all three headers. OpenAPI has no scheme with several headers, so each is a scheme. */
export const SIGNATURE = {
  address: 'walletAddress',
  timestamp: 'walletTimestamp',
  signature: 'walletSignature',
} as const;

const REQUIREMENTS: Record<CredentialKind, Record<string, string[]>> = {
  wallet_signature: { [SIGNATURE.address]: [], [SIGNATURE.timestamp]: [], [SIGNATURE.signature]: [] },
  api_key: { [API_KEY]: [] },
};

/** A placeholder for the credentials of a dialect, which `nameCredentials` replaces. */
export type Dialect = 'projectApi' | 'partnerApi';
export const Authenticated = (dialect: Dialect) => ApiSecurity(dialect);

/** Replaces the placeholders by the credentials that this application accepts. */
export function nameCredentials(document: OpenAPIObject, taken: Record<Dialect, readonly CredentialKind[]>): void {
  for (const { get, post, patch, delete: remove } of Object.values(document.paths)) {
    for (const operation of [get, post, patch, remove]) {
      const dialect = operation?.security?.flatMap((requirement) => Object.keys(requirement))[0];
      if (!operation || (dialect !== 'projectApi' && dialect !== 'partnerApi')) continue;
      operation.security = taken[dialect].map((kind) => REQUIREMENTS[kind]);
    }
  }
}
