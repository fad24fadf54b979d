import { ApiKeyGuard, CALLING_PROJECT, type AuthenticatedRequest } from '@app/project-auth';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

/** Where clients of Immutable zkEVM send their key. Their `x-api-key` is a key of an RPC node, and is ignored. */
const ZKEVM_KEY_HEADER = 'x-immutable-api-key';

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
