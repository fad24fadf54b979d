import { hashMessage } from 'ethers';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from './clock.js';
import { ContractWallets } from './contract-wallets.js';
import { parseAddress } from './ethereum-address.js';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import { ProjectDirectory, type CallingProject } from './project-directory.js';
import { SignatureReplayStore } from './signature-replay-store.js';
import { isSignedByContract } from './signed-by-contract.js';
import { formatChallenge, readChallenge } from './wallet-challenge.js';
import { recoverSigner } from './wallet-signature.js';

const MAX_LIFETIME_SECONDS = 300;
const ETHEREUM = 1;

/** The page on which a person signs in. */
export interface SignInPlace {
  /** The host and port that the browser shows. */
  domain: string;
  /** The origin. */
  uri: string;
}

/** Signs the owner of a project in by a text that their wallet signs (EIP-4361), once. `key` makes the texts ours. */
@Injectable()
export class WalletSignIn {
  constructor(
    private readonly directory: ProjectDirectory,
    private readonly clock: Clock,
    private readonly replays: SignatureReplayStore,
    private readonly contracts: ContractWallets,
    @Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig,
  ) {}

  /** A text for this address, whether or not it owns a project; null: it is no address. */
  challenge(address: string, { domain, uri }: SignInPlace, key: Buffer): { text: string; expiresAt: Date } | null {
    const checksummed = parseAddress(address);
    if (!checksummed) return null;
    // Never on a whole second: the replay store has the seconds that requests are signed with.
    const now = this.clock.now().getTime();
    const issuedAt = new Date(now % 1000 === 0 ? now + 1 : now);
    const expiresAt = new Date(issuedAt.getTime() + this.lifetimeSeconds * 1000);
    const chainId = this.config.contractWalletChainId ?? ETHEREUM;
    return {
      text: formatChallenge({ domain, uri, address: checksummed, chainId, issuedAt, expiresAt }, key),
      expiresAt,
    };
  }

  /** null: whatever is wrong with text, signature or address. Throws WalletUnavailable. */
  async signIn(text: string, signature: string, { domain }: SignInPlace, key: Buffer): Promise<CallingProject | null> {
    const challenge = readChallenge(text, key);
    if (!challenge || challenge.domain !== domain || challenge.expiresAt <= this.clock.now()) return null;
    const address = challenge.address.toLowerCase();
    const project = await this.directory.findByOwner(address);
    // A contract is only asked in the name of an owner.
    const isSigned =
      recoverSigner(text, signature) === challenge.address ||
      (project !== null &&
        (await isSignedByContract(this.contracts, {
          chainId: this.config.contractWalletChainId,
          address,
          hash: hashMessage(text),
          signature,
        })));
    if (!isSigned || !project) return null;
    const isFirstUse = await this.replays.recordUse(
      address,
      challenge.issuedAt.getTime() / 1000,
      this.config.signatureWindowSeconds,
    );
    return isFirstUse ? project : null;
  }

  /** The replay store remembers a use for at least twice the window of signatures. */
  private get lifetimeSeconds(): number {
    return Math.min(MAX_LIFETIME_SECONDS, 2 * this.config.signatureWindowSeconds);
  }
}
