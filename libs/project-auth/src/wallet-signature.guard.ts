import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Clock } from './clock.js';
import { CALLING_PROJECT, headerOf, type AuthenticatedRequest } from './current-project.decorator.js';
import { NotAuthenticated } from './project-auth.errors.js';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import { ProjectDirectory, type CallingProject } from './project-directory.js';
import { SignatureReplayStore } from './signature-replay-store.js';
import { checkWalletSignature } from './wallet-signature.js';

const HEADERS = {
  address: 'x-imx-eth-address',
  timestamp: 'x-imx-eth-timestamp',
  signature: 'x-imx-eth-signature',
} as const;

/** Lets a request pass that is signed by the wallet of a project's owner. */
@Injectable()
export class WalletSignatureGuard implements CanActivate {
  constructor(
    private readonly directory: ProjectDirectory,
    private readonly clock: Clock,
    private readonly used: SignatureReplayStore,
    @Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig,
  ) {}

  static isUsedBy(request: AuthenticatedRequest): boolean {
    return Object.values(HEADERS).some((name) => headerOf(request, name) !== undefined);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request[CALLING_PROJECT] = await this.authenticate(request);
    return true;
  }

  /** Throws NotAuthenticated. An address that owns no project is answered like a signature that is not its own. */
  async authenticate(request: AuthenticatedRequest): Promise<CallingProject> {
    const check = checkWalletSignature(
      {
        address: headerOf(request, HEADERS.address),
        timestamp: headerOf(request, HEADERS.timestamp),
        signature: headerOf(request, HEADERS.signature),
      },
      this.clock.now(),
      this.config.signatureWindowSeconds,
    );
    if (check.kind === 'refused') throw new NotAuthenticated(check.reason, check.message);
    const project = await this.directory.findByOwner(check.address);
    if (!project) {
      throw new NotAuthenticated(
        'invalid_signature',
        'x-imx-eth-signature is not a signature by the owner of a project.',
      );
    }
    if (this.config.oneTimeSignatures) await this.useUp(check);
    return project;
  }

  private async useUp({ address, timestampSeconds }: { address: string; timestampSeconds: number }): Promise<void> {
    if (await this.used.use(address, timestampSeconds, this.config.signatureWindowSeconds)) return;
    throw new NotAuthenticated(
      'signature_already_used',
      'The signature was used before, and is good for one request here: sign the time of another second.',
    );
  }
}
