import { ApiKeyGuard, CALLING_PROJECT, type AuthenticatedRequest } from '@app/project-auth';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ZKEVM_KEY_HEADER } from './zkevm-api-key.js';

/** Finds the calling project by the API key of this dialect, the only credential that it accepts. */
@Injectable()
export class ZkevmApiKeyGuard implements CanActivate {
  constructor(private readonly keys: ApiKeyGuard) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request[CALLING_PROJECT] = await this.keys.authenticate(request, ZKEVM_KEY_HEADER);
    return true;
  }
}
