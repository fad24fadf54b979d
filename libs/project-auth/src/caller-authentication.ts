import { Injectable } from '@nestjs/common';
import { ApiKeyGuard } from './api-key.guard.js';
import type { CredentialKind } from './credential-kind.js';
import type { AuthenticatedRequest } from './current-project.decorator.js';
import { NotAuthenticated } from './project-auth.errors.js';
import type { CallingProject } from './project-directory.js';
import { WalletSignatureGuard, type SignatureRules } from './wallet-signature.guard.js';

const HOW_TO: Record<CredentialKind, string> = {
  wallet_signature: 'sign it with x-imx-eth-address, x-imx-eth-timestamp and x-imx-eth-signature',
  api_key: 'send x-api-key',
};

/** Finds the project of a request by any of the credentials that a route accepts. */
@Injectable()
export class CallerAuthentication {
  constructor(
    private readonly signature: WalletSignatureGuard,
    private readonly apiKey: ApiKeyGuard,
  ) {}

  /** If a request has several credentials, all must be valid and of the same project. Throws NotAuthenticated. */
  async authenticate(
    request: AuthenticatedRequest,
    accepted: readonly CredentialKind[],
    signatureRules: SignatureRules = {},
  ): Promise<CallingProject> {
    const isSigned = accepted.includes('wallet_signature') && WalletSignatureGuard.isUsedBy(request);
    const hasApiKey = accepted.includes('api_key') && this.apiKey.isUsedBy(request, { besideSignature: isSigned });
    const keyHolder = hasApiKey ? await this.apiKey.authenticate(request) : null;
    const signer = isSigned ? await this.signature.authenticate(request, signatureRules) : null;
    if (signer && keyHolder && signer.id !== keyHolder.id) {
      throw new NotAuthenticated('credentials_disagree', 'The signature and the API key belong to different projects.');
    }
    const project = signer ?? keyHolder;
    if (project) return project;
    const ways = accepted.map((kind) => HOW_TO[kind]).join(', or ');
    throw new NotAuthenticated('credentials_missing', `The request is not authenticated: ${ways}.`);
  }
}
