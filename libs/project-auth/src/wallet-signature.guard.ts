import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Clock } from './clock.js';
import { ContractWallets } from './contract-wallets.js';
import { CALLING_PROJECT, headerOf, type AuthenticatedRequest } from './current-project.decorator.js';
import { NotAuthenticated } from './project-auth.errors.js';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import { ProjectDirectory, type CallingProject } from './project-directory.js';
import { SignatureReplayStore } from './signature-replay-store.js';
import { isSignedByContract } from './signed-by-contract.js';
import { checkWalletSignature } from './wallet-signature.js';

const HEADERS = {
  address: 'x-imx-eth-address',
  timestamp: 'x-imx-eth-timestamp',
  signature: 'x-imx-eth-signature',
} as const;

export interface SignatureRules {
  /** Whether to refuse a signature that any request has used before. Always so with `oneTimeSignatures`. */
  requiresUnusedSignature?: boolean;
}

/** Accepts a request that is signed by the wallet of a project's owner. */
@Injectable()
export class WalletSignatureGuard implements CanActivate {
  constructor(
    private readonly directory: ProjectDirectory,
    private readonly clock: Clock,
    private readonly replays: SignatureReplayStore,
    private readonly contracts: ContractWallets,
    @Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig,
  ) {
    const { contractWalletChainId: chainId } = config;
    if (chainId !== undefined && !contracts.supports(chainId)) {
      throw new Error(
        `contractWalletChainId is ${chainId}, and metadataFetch.rpcUrls has no node of this chain: add one, or leave out the option.`,
      );
    }
  }

  static isUsedBy(request: AuthenticatedRequest): boolean {
    return Object.values(HEADERS).some((name) => headerOf(request, name) !== undefined);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request[CALLING_PROJECT] = await this.authenticate(request);
    return true;
  }

  /**
   * Records the use of every signature, so that one that was seen in any request cannot be used where an unused one is
   * required. Throws NotAuthenticated; an address without a project gets the error of a wrong signature. Throws WalletUnavailable.
   */
  async authenticate(
    request: AuthenticatedRequest,
    { requiresUnusedSignature = false }: SignatureRules = {},
  ): Promise<CallingProject> {
    const check = checkWalletSignature(
      {
        address: headerOf(request, HEADERS.address),
        timestamp: headerOf(request, HEADERS.timestamp),
        signature: headerOf(request, HEADERS.signature),
      },
      this.clock.now(),
      this.config.signatureWindowSeconds,
    );
    const mayBeContract = this.config.contractWalletChainId !== undefined;
    const signer = check.kind === 'signed' ? check : mayBeContract ? check.claim : undefined;
    const project = signer && (await this.directory.findByOwner(signer.address));
    // A contract is only asked in the name of an owner.
    if (check.kind === 'refused') {
      const { claim, reason, message } = check;
      const { contractWalletChainId: chainId } = this.config;
      const isSigned = project && claim && (await isSignedByContract(this.contracts, { chainId, ...claim }));
      if (!isSigned) throw new NotAuthenticated(reason, message);
    }
    if (!signer || !project) {
      throw new NotAuthenticated(
        'invalid_signature',
        'x-imx-eth-signature is not a signature by the owner of a project.',
      );
    }
    const isFirstUse = await this.replays.recordUse(
      signer.address,
      signer.timestampSeconds,
      this.config.signatureWindowSeconds,
    );
    if (!isFirstUse && (requiresUnusedSignature || this.config.oneTimeSignatures)) {
      throw new NotAuthenticated(
        'signature_already_used',
        'The signature was used before, and this request needs an unused one: sign another second. Any second within the window is accepted.',
      );
    }
    return project;
  }
}
