import { CALLING_PROJECT, CallerAuthentication, type AuthenticatedRequest } from '@app/project-auth';
import { Inject, mixin, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { REFRESH_API_CONFIG, type RefreshApiConfig } from './refresh-api.options.js';

type Dialect = 'projectApi' | 'partnerApi';

/** A guard that finds the calling project by the credentials that a dialect takes. */
export function authenticatedBy(dialect: Dialect): Type<CanActivate> {
  class AuthenticatedByGuard implements CanActivate {
    constructor(
      @Inject(CallerAuthentication) private readonly callers: CallerAuthentication,
      @Inject(REFRESH_API_CONFIG) private readonly config: RefreshApiConfig,
    ) {}

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
      request[CALLING_PROJECT] = await this.callers.authenticate(request, this.config[`${dialect}Authentication`]);
      return true;
    }
  }
  return mixin(AuthenticatedByGuard);
}
