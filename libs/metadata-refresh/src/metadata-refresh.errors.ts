/** No refresh of this project has the id. A refresh of another project counts as not found. */
export class RefreshNotFound extends Error {
  override readonly name = 'RefreshNotFound';
  constructor(readonly refreshId: string) {
    super(`Refresh ${refreshId} does not exist.`);
  }
}

/** The refresh has pending tokens: it has to complete or be cancelled first. */
export class RefreshPending extends Error {
  override readonly name = 'RefreshPending';
  constructor(
    readonly refreshId: string,
    /** Tokens. */
    readonly pending: number,
  ) {
    super(`Refresh ${refreshId} has ${pending} pending tokens.`);
  }
}

/** It is too late to cancel, pause or resume the refresh: no token is pending. */
export class RefreshAlreadyCompleted extends Error {
  override readonly name = 'RefreshAlreadyCompleted';
  constructor(readonly refreshId: string) {
    super(`Refresh ${refreshId} is completed: no token of it is pending.`);
  }
}

/** The refresh was cancelled, so it can be neither paused nor resumed. */
export class RefreshCancelled extends Error {
  override readonly name = 'RefreshCancelled';
  constructor(readonly refreshId: string) {
    super(`Refresh ${refreshId} was cancelled; request a new refresh of its tokens.`);
  }
}

/** No token of the refresh has failed, or none for the given reasons. */
export class NothingToRetry extends Error {
  override readonly name = 'NothingToRetry';
  constructor(
    readonly refreshId: string,
    /** Absent: all reasons. */
    readonly reasons?: readonly string[],
  ) {
    super(
      reasons
        ? `No token of refresh ${refreshId} has failed for ${reasons.join(', ')}.`
        : `No token of refresh ${refreshId} has failed.`,
    );
  }
}

/** The project owns no collection at this address, but another project does. */
export class CollectionNotOwned extends Error {
  override readonly name = 'CollectionNotOwned';
  constructor(readonly collectionAddress: string) {
    super(`Collection ${collectionAddress} is not a collection of this project.`);
  }
}

/** No project has registered a collection at this address. */
export class CollectionNotFound extends Error {
  override readonly name = 'CollectionNotFound';
  constructor(readonly collectionAddress: string) {
    super(`Collection ${collectionAddress} is not registered.`);
  }
}

/** More tokens than one request may name. */
export class TokensPerRequestExceeded extends Error {
  override readonly name = 'TokensPerRequestExceeded';
  constructor(
    /** Tokens a request. */
    readonly limit: number,
    readonly requested: number,
  ) {
    super(`A request of this project may name at most ${limit} tokens; this one names ${requested}.`);
  }
}

/** No registered token is selected. */
export class SelectionEmpty extends Error {
  override readonly name = 'SelectionEmpty';
  constructor(readonly collectionAddress: string) {
    super(`No registered token of collection ${collectionAddress} is selected.`);
  }
}

/** More tokens are selected than one refresh may have. */
export class SelectionTooLarge extends Error {
  override readonly name = 'SelectionTooLarge';
  constructor(
    /** Tokens of one selection. */
    readonly limit: number,
    readonly selected: number,
  ) {
    super(`A selection may have at most ${limit} tokens; this one has ${selected}.`);
  }
}

/** The refresh cannot begin at that time; the message says why. */
export class InvalidSchedule extends Error {
  override readonly name = 'InvalidSchedule';
}

/** The project has as many scheduled refreshes as it may have. */
export class ScheduledRefreshesExceeded extends Error {
  override readonly name = 'ScheduledRefreshesExceeded';
  constructor(readonly limit: number) {
    super(`The project has ${limit} scheduled refreshes already. Cancel one, or wait until one begins.`);
  }
}

/** Another request was accepted with this idempotency key. */
export class IdempotencyKeyReused extends Error {
  override readonly name = 'IdempotencyKeyReused';
  constructor(readonly key: string) {
    super(
      `A request with another body was accepted with the idempotency key ${JSON.stringify(key)}. Send a new key with a new request.`,
    );
  }
}

/** More tokens than one validation may name. */
export class TooManyTokensToValidate extends Error {
  override readonly name = 'TooManyTokensToValidate';
  constructor(
    /** Tokens a validation. */
    readonly limit: number,
    readonly requested: number,
  ) {
    super(`A validation may name at most ${limit} tokens; this one names ${requested}.`);
  }
}

/** As many validations of the project are running in this process as may. Nothing of this one was counted. */
export class ValidationsRunning extends Error {
  override readonly name = 'ValidationsRunning';
  constructor(
    readonly running: number,
    /** After this time, those that are running have ended. */
    readonly retryAfterSeconds: number,
  ) {
    super(`The project has ${running} validations running, the most that it may have: wait until one has ended.`);
  }
}

/** Some tokens are not registered, and the caller wants all or none. */
export class TokensNotFound extends Error {
  override readonly name = 'TokensNotFound';
  constructor(readonly tokenIds: readonly string[]) {
    super(notRegistered(tokenIds));
  }
}

/** The token has no version with this number, or it has expired. */
export class VersionNotFound extends Error {
  override readonly name = 'VersionNotFound';
  constructor(readonly version: number) {
    super(
      `The token has no version ${version}, or it has expired. The list of its versions has those that can be read.`,
    );
  }
}

/** The version is known, but its document is no longer kept. */
export class VersionNotKept extends Error {
  override readonly name = 'VersionNotKept';
  constructor(readonly version: number) {
    super(
      `The document of version ${version} is not kept any more. In the list of versions, \`has_document\` shows those that are.`,
    );
  }
}

/** A hold has to end in the future. Nothing was written. */
export class InvalidHold extends Error {
  override readonly name = 'InvalidHold';
  constructor(readonly holdUntil: Date) {
    super(`A hold must end in the future, and ${holdUntil.toISOString()} is in the past.`);
  }
}

/** The token is not held. */
export class HoldNotFound extends Error {
  override readonly name = 'HoldNotFound';
  constructor(readonly tokenId: string) {
    super(`Token ${tokenId} is not held.`);
  }
}

/** Two collections of the project have this address, on different chains. */
export class CollectionAmbiguous extends Error {
  override readonly name = 'CollectionAmbiguous';
  constructor(
    readonly collectionAddress: string,
    readonly chainIds: readonly number[],
  ) {
    super(
      `Collection ${collectionAddress} is registered on chains ${chainIds.join(' and ')}; the request does not say which one it means.`,
    );
  }
}

/** Whether a wallet owns the contract of a collection is unknown now. */
export class OwnershipUnavailable extends Error {
  override readonly name = 'OwnershipUnavailable';
  constructor({ address, chainId }: { address: string; chainId: number }) {
    super(`No node of chain ${chainId} could say who owns collection ${address}. Try again in a moment.`);
  }
}

/** Nothing can be fetched: the owner pushes the metadata, or this deployment has no node of the chain of the collection. */
export class SourceNotSupported extends Error {
  override readonly name = 'SourceNotSupported';
  readonly collectionAddress: string;
  readonly chainId: number;
  constructor({ address, chainId, sourceKind }: { address: string; chainId: number; sourceKind?: string }) {
    super(
      sourceKind === 'pushed'
        ? `Collection ${address} has no source to fetch from: its owner pushes the metadata.`
        : `Collection ${address} is read from its contract on chain ${chainId}, for which this deployment has no RPC URL.`,
    );
    this.collectionAddress = address;
    this.chainId = chainId;
  }
}

/** The quota of a project, and what is left of it in the current hour. */
export interface QuotaState {
  /** Tokens per hour. */
  limit: number;
  /** Tokens left in the current hour. */
  remaining: number;
  /** When the hour that began with the first accepted request ends. */
  resetsAt: Date;
  /** The same from now on, by the database's clock; at least 1. */
  resetsInSeconds: number;
}

/** The request asks for more tokens than the quota has left. Nothing of it was accepted or counted. */
export class QuotaExceeded extends Error {
  override readonly name = 'QuotaExceeded';
  constructor(
    readonly quota: QuotaState,
    readonly requested: number,
  ) {
    super(
      requested > quota.limit
        ? `The request names ${requested} tokens, more than the ${quota.limit} that the project may refresh in an hour.`
        : `The request names ${requested} tokens; ${quota.remaining} of ${quota.limit} are left until ${quota.resetsAt.toISOString()}.`,
    );
  }
}

/** A message names this many ids at most. */
const MAX_NAMED_TOKENS = 10;

function notRegistered(tokenIds: readonly string[]): string {
  if (tokenIds.length === 1) return `Token ${tokenIds[0]} is not registered.`;
  const more = tokenIds.length - MAX_NAMED_TOKENS;
  const named = tokenIds.slice(0, MAX_NAMED_TOKENS).join(', ') + (more > 0 ? ` and ${more} more` : '');
  return `${tokenIds.length} of the tokens are not registered: ${named}.`;
}

/** Too many pages are being read. The same read can succeed in a moment. */
export class ReadsBusy extends Error {
  override readonly name = 'ReadsBusy';
  constructor() {
    super('Too many pages are being read at this moment: try again in a second.');
  }
}

/** All records of the collection are being replaced, by a publication or a revert. Nothing was written; the same call can succeed afterwards. */
export class CollectionBusy extends Error {
  override readonly name = 'CollectionBusy';
  constructor(
    readonly collectionAddress: string,
    options?: ErrorOptions,
  ) {
    super(
      `A reveal of collection ${collectionAddress} is being published or reverted: nothing was written. Try again when that is done.`,
      options,
    );
  }
}
