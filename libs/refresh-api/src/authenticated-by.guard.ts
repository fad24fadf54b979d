import { CALLING_PROJECT, CallerAuthentication, type AuthenticatedRequest } from '@app/project-auth';
import { Inject, mixin, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { REFRESH_API_CONFIG, type RefreshApiConfig } from './refresh-api.options.js';

type Dialect = 'projectApi' | 'partnerApi';

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
 * A guard that finds the calling project by the credentials that a dialect accepts. A request that changes something needs a
 * signature that no request has used before.
 */
export function authenticatedBy(
  dialect: Dialect,
  { allowsSignatureReplay = false }: SignatureOptions = {},
): Type<CanActivate> {
  class AuthenticatedByGuard implements CanActivate {
    constructor(
      @Inject(CallerAuthentication) private readonly callers: CallerAuthentication,
      @Inject(REFRESH_API_CONFIG) private readonly config: RefreshApiConfig,
    ) {}

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<AuthenticatedRequest & { method: string }>();
      request[CALLING_PROJECT] = await this.callers.authenticate(request, this.config[`${dialect}Authentication`], {
        requiresUnusedSignature: !allowsSignatureReplay && !SAFE_METHODS.includes(request.method),
      });
      return true;
    }
  }
  return mixin(AuthenticatedByGuard);
}
