import {
  CALLING_PROJECT,
  CallerAuthentication,
  type AuthenticatedRequest,
  type CredentialKind,
} from '@app/project-auth';
import { Inject, mixin, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { acceptedBy } from './dialect.options.js';
import { REFRESH_API_CONFIG } from './dialect.js';

interface SignatureOptions {
  /**
   * Whether a request that changes something may reuse a signature while it is valid. Only for routes of a public wire
   * format, whose clients send one signature with every request of a second.
   */
  allowsSignatureReplay?: boolean;
}

/** Methods that change nothing. */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * A guard that finds the calling project by the credentials that a dialect accepts: those of the option
 * `<dialect>Authentication`. A request that changes something needs a signature that no request has used before.
 */
export function authenticatedBy(
  dialect: string,
  { allowsSignatureReplay = false }: SignatureOptions = {},
): Type<CanActivate> {
  class AuthenticatedByGuard implements CanActivate {
    private readonly accepted: readonly CredentialKind[];

    constructor(
      @Inject(CallerAuthentication) private readonly callers: CallerAuthentication,
      @Inject(REFRESH_API_CONFIG) config: object,
    ) {
      this.accepted = acceptedBy(dialect, config);
    }

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<AuthenticatedRequest & { method: string }>();
      request[CALLING_PROJECT] = await this.callers.authenticate(request, this.accepted, {
        requiresUnusedSignature: !allowsSignatureReplay && !SAFE_METHODS.includes(request.method),
      });
      return true;
    }
  }
  return mixin(AuthenticatedByGuard);
}
