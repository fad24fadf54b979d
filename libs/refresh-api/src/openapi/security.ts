import type { CredentialKind } from '@app/project-auth';
import { ApiSecurity, type OpenAPIObject } from '@nestjs/swagger';
import { findAcceptedBy } from '../dialect.options.js';
import type { SecurityScheme } from '../dialect.js';

const header = (name: string, description: string): SecurityScheme => ({
  type: 'apiKey',
  in: 'header',
  name,
  description,
});

/** An API key of the project in `x-api-key`, or in the header of a dialect. */
export const apiKeyIn = (name: string) => header(name, 'An API key of the project.');

export const API_KEY_SCHEMES = { apiKey: apiKeyIn('x-api-key') };

/** A wallet signature needs all three headers. OpenAPI has no scheme with several headers, so each is a scheme. */
export const SIGNATURE_SCHEMES = {
  walletAddress: header('x-imx-eth-address', "The address of the project's owner."),
  walletTimestamp: header(
    'x-imx-eth-timestamp',
    'UNIX time in whole seconds, by default at most 300 seconds before or after the time of the service.',
  ),
  walletSignature: header('x-imx-eth-signature', 'EIP-191 signature of the decimal text of the timestamp.'),
};

const allOf = (schemes: object): Record<string, string[]> =>
  Object.fromEntries(Object.keys(schemes).map((name) => [name, []]));

const REQUIREMENTS: Record<CredentialKind, Record<string, string[]>> = {
  wallet_signature: allOf(SIGNATURE_SCHEMES),
  api_key: allOf(API_KEY_SCHEMES),
};

/** A placeholder for the credentials of `authenticatedBy(dialect)`, which `nameCredentials` replaces. */
export const Authenticated = (dialect: string) => ApiSecurity(dialect);

/** Replaces the placeholders by the credentials that this application accepts. */
export function nameCredentials(document: OpenAPIObject, config: object): void {
  for (const { get, post, patch, delete: remove } of Object.values(document.paths)) {
    for (const operation of [get, post, patch, remove]) {
      const [name = ''] = operation?.security?.flatMap((requirement) => Object.keys(requirement)) ?? [];
      const accepted = findAcceptedBy(name, config);
      if (operation && accepted) operation.security = accepted.map((kind) => REQUIREMENTS[kind]);
    }
  }
}
