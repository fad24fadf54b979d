import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ApiKeyGuard } from './api-key.guard.js';
import type { AuthenticatedRequest } from './current-project.decorator.js';
import { NotAuthenticated } from './project-auth.errors.js';
import { WalletSignatureGuard } from './wallet-signature.guard.js';

/** Lets a request pass that is signed or has an API key; with both, both have to be good and mean one project. */
@Injectable()
export class SignatureOrApiKeyGuard implements CanActivate {
  constructor(
    private readonly signature: WalletSignatureGuard,
    private readonly apiKey: ApiKeyGuard,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const isSigned = WalletSignatureGuard.isUsedBy(request);
    const hasApiKey = ApiKeyGuard.isUsedBy(request);
    if (!isSigned && !hasApiKey) {
      throw new NotAuthenticated(
        'credentials_missing',
        'The request is not authenticated: send x-api-key, or sign it with x-imx-eth-address, x-imx-eth-timestamp and x-imx-eth-signature.',
      );
    }
    const signer = isSigned ? await this.signature.authenticate(request) : null;
    const keyHolder = hasApiKey ? await this.apiKey.authenticate(request) : null;
    if (signer && keyHolder && signer.id !== keyHolder.id) {
      throw new NotAuthenticated('credentials_disagree', 'The signature and the API key belong to different projects.');
    }
    request.nftProject = (signer ?? keyHolder)!;
    return true;
  }
}
