import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore, type Collection, type HoldEnd } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import {
  HoldNotFound,
  RefreshNotFound,
  TokensNotFound,
  TokensPerRequestExceeded,
  type QuotaState,
} from './metadata-refresh.errors.js';
import { OwnedCollections, type Ownership } from './admission/owned-collections.js';
import type { Page, PageRequest } from './receipt/page.js';
import { MetadataPush } from './push/metadata-push.js';
import type { PushReceipt, PushRequest, StackPushRequest } from './push/push-request.js';
import { StackPush } from './push/stack-push.js';
import { RefreshAdmission } from './admission/refresh-admission.js';
import { RefreshEstimator } from './admission/refresh-estimator.js';
import { RefreshControl, type Admission } from './control/refresh-control.js';
import { ProjectRefreshLimits, type RefreshingProject } from './admission/refresh-limits.js';
import { RefreshQuota } from './admission/refresh-quota.js';
import {
  RefreshReader,
  type Attempt,
  type Refresh,
  type RefreshDetails,
  type RefreshError,
  type RefreshListFilter,
} from './receipt/refresh-reader.js';
import type { RetryRequest } from './admission/refresh-retry.js';
import type {
  CollectionRefreshRequest,
  Receipt,
  RefreshEstimate,
  RefreshRequest,
  WantedTokens,
} from './admission/refresh-request.js';
import { canFetch } from './queue/refresh-source.js';
import {
  RefreshTokensReader,
  type RefreshToken,
  type RefreshTokenFilter,
  type RefreshTokenPage,
  type RefreshTokenQuery,
} from './receipt/refresh-tokens-reader.js';
import { TokenRestore, type Restoration, type RestoredVersion } from './versions/token-restore.js';
import { RefreshValidation } from './validation/refresh-validation.js';
import type { ChargedValidation, Validation } from './validation/validation.js';

/** A request to cancel, pause or resume a refresh. */
export interface ControlRequest {
  /** A last condition, inside the transaction: what it throws undoes the change. */
  admit?: Admission;
}

/** A token of a collection of the project. */
export interface OwnToken {
  collectionAddress: string;
  /** Needed if the project has registered the address on several chains. */
  chainId?: number | undefined;
  tokenId: string;
}

/** A version that the record of a token is to show again. */
export interface RestoreRequest extends OwnToken {
  version: number;
  /** Refreshes do not overwrite the record before. Absent: a hold stays as it is. */
  holdUntil?: HoldEnd | undefined;
  /** As in RefreshRequest. */
  admit?: Admission;
}

/** A request to find out what a refresh of tokens of one collection would do. */
export interface ValidationRequest {
  collectionAddress: string;
  /** Needed if the project has registered the address on several chains. */
  chainId?: number | undefined;
  /** Decimal uint256, at most 20; given twice, it is one token. */
  tokenIds: readonly string[];
  /** A last condition, inside the transaction that charges the tokens: what it throws refuses the validation. */
  admit?: Admission;
}

/** What a project may ask for. */
export interface RefreshLimits {
  tokensPerRequest: number;
  tokensPerSelection: number;
  tokensPerHour: QuotaState;
}

/** Asking for refreshes, and asking what became of them. */
@Injectable()
export class MetadataRefreshService {
  constructor(
    private readonly collections: OwnedCollections,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly limits: ProjectRefreshLimits,
    private readonly quota: RefreshQuota,
    private readonly admission: RefreshAdmission,
    private readonly metadataPush: MetadataPush,
    private readonly stackPush: StackPush,
    private readonly estimator: RefreshEstimator,
    private readonly reader: RefreshReader,
    private readonly control: RefreshControl,
    private readonly validation: RefreshValidation,
    private readonly tokensReader: RefreshTokensReader,
    private readonly restores: TokenRestore,
  ) {}

  /**
   * Why this URL of a Metadata API can never be requested, such as `blocked_address` for a private one; null if it may be.
   * Makes no request.
   */
  rejectionReason(metadataUrl: string): string | null {
    return this.fetcher.rejectionReason(metadataUrl);
  }

  /** Whether this deployment can fetch tokens of the collection: its owner does not push them, and its chain can be read. */
  canFetch(collection: Collection): boolean {
    return canFetch(collection, this.fetcher);
  }

  /**
   * Accepts a refresh of listed or selected tokens: quota, refresh and tokens are saved in one transaction, and the receipt is
   * returned after its commit. A selection is made into the queue in the database alone, in about a second for a million tokens.
   * Throws TokensPerRequestExceeded, InvalidTokenId, InvalidSelection, SelectionEmpty, SelectionTooLarge, InvalidSchedule, ScheduledRefreshesExceeded,
   * CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, SourceNotSupported, TokensNotFound, QuotaExceeded,
   * IdempotencyKeyReused; then nothing was saved or counted.
   */
  async request(project: RefreshingProject, request: RefreshRequest): Promise<Receipt> {
    return this.admission.request(project, request);
  }

  /**
   * Writes metadata of tokens as given, without fetching anything, in one transaction: all records or none. The receipt is that of a completed
   * refresh with the trigger `push`. Throws TokensPerRequestExceeded, CollectionNotFound, CollectionNotOwned, EmptyMetadata,
   * TokensNotFound, QuotaExceeded; then nothing was written or counted.
   */
  async push(project: RefreshingProject, request: PushRequest): Promise<PushReceipt> {
    return this.metadataPush.push(project, request);
  }

  /**
   * The same for all tokens of stacks, up to 100,000. Each stack counts as one token. Throws TokensPerRequestExceeded,
   * CollectionNotFound, CollectionNotOwned, EmptyMetadata, StacksNotFound, StacksTooLarge, QuotaExceeded; then nothing was written or
   * counted.
   */
  async pushStacks(project: RefreshingProject, request: StackPushRequest): Promise<PushReceipt> {
    return this.stackPush.push(project, request);
  }

  /**
   * What this request would take, and which limit would refuse it. Accepts and counts nothing. Throws as `request`, but not for limits
   * and not for an empty selection.
   */
  async estimate(project: RefreshingProject, request: RefreshRequest): Promise<RefreshEstimate> {
    return this.estimator.estimate(project, request);
  }

  /**
   * Accepts a refresh that no project has requested, such as one after an event on chain. It belongs to the project of the collection, and
   * counts towards none of its limits; only `maxSelectionTokens` holds. Throws InvalidSelection, SelectionEmpty, SelectionTooLarge,
   * InvalidSchedule, SourceNotSupported.
   */
  async requestSelection(
    collection: Collection,
    request: CollectionRefreshRequest,
  ): Promise<{ refreshId: string; tokens: number }> {
    return this.admission.requestForCollection(collection, request);
  }

  /** How many tokens such a refresh would have, and how long it would take. Throws InvalidSelection, SourceNotSupported. */
  async estimateSelection(
    collection: Collection,
    wanted: WantedTokens,
  ): Promise<Pick<RefreshEstimate, 'tokens' | 'expectedSeconds'>> {
    return this.estimator.estimateFor(collection, wanted);
  }

  /** Whether a project may refresh a collection, and why. Asks the contract also if the option `ownership` does not let that count. */
  async explainOwnership(project: { id: string; ownerAddress: string }, collection: Collection): Promise<Ownership> {
    return this.collections.explain(project, collection);
  }

  /**
   * Fetches up to 20 tokens now and tells what a refresh would do, within 10 seconds and without a retry. Stores nothing but the
   * charge of the tokens to the quota, and a cooldown that the metadata host has asked for. Throws TooManyTokensToValidate,
   * TokensPerRequestExceeded, CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, SourceNotSupported, ValidationsRunning,
   * QuotaExceeded; then nothing was counted or fetched.
   */
  async validate(project: RefreshingProject, request: ValidationRequest): Promise<ChargedValidation> {
    const { collectionAddress, chainId, tokenIds, admit } = request;
    const { tokensPerRequest, tokensPerHour } = this.limits.of(project);
    const { size } = new Set(tokenIds);
    if (size > tokensPerRequest) throw new TokensPerRequestExceeded(tokensPerRequest, size);
    const collection = await this.collections.getRefreshable(project, collectionAddress, chainId);
    const payer = { projectId: project.id, tokensPerHour, admit };
    return this.validation.validateFor(payer, collection, tokenIds);
  }

  /** The same on behalf of an operator: counts towards no limit. Throws TooManyTokensToValidate, SourceNotSupported. */
  async validateCollection(collection: Collection, tokenIds: readonly string[]): Promise<Validation> {
    return this.validation.validate(collection, tokenIds);
  }

  /**
   * Cancels the pending tokens of a refresh: none is claimed from now on, and they end with the verdict `cancelled` in the
   * background. Their records do not change. Tokens that a worker is fetching end as they end; a retry is cancelled. Tokens that no
   * worker had begun are given back to the quota, if the hour that they were charged to has not ended. Again: nothing more happens. Returns
   * the refresh as it is now. Throws RefreshNotFound, RefreshAlreadyCompleted.
   */
  async cancelRefresh(
    project: RefreshingProject,
    refreshId: string,
    { admit }: ControlRequest = {},
  ): Promise<RefreshDetails> {
    await this.control.cancel({ refreshId, projectId: project.id }, admit);
    return this.getRefresh(project, refreshId);
  }

  /**
   * Pauses a refresh: no token of it is claimed until it is resumed. What a worker is fetching is finished. After 30 days it is
   * cancelled. Again: nothing more happens. Returns the refresh as it is now. Throws RefreshNotFound, RefreshCancelled,
   * RefreshAlreadyCompleted.
   */
  async pauseRefresh(
    project: RefreshingProject,
    refreshId: string,
    { admit }: ControlRequest = {},
  ): Promise<RefreshDetails> {
    await this.control.pause({ refreshId, projectId: project.id }, admit);
    return this.getRefresh(project, refreshId);
  }

  /** Ends a pause; retries keep their time. Also if there is none. The same results and errors as `pauseRefresh`. */
  async resumeRefresh(
    project: RefreshingProject,
    refreshId: string,
    { admit }: ControlRequest = {},
  ): Promise<RefreshDetails> {
    await this.control.resume({ refreshId, projectId: project.id }, admit);
    return this.getRefresh(project, refreshId);
  }

  /**
   * Accepts a new refresh of the tokens that have failed in this one, from the present source of the collection. They count towards the
   * hour, and not towards the tokens per request. The old refresh does not change; it may still be running. Throws RefreshNotFound,
   * NothingToRetry, CollectionNotOwned, SourceNotSupported, QuotaExceeded, IdempotencyKeyReused; then nothing was saved or counted.
   */
  async retryRefresh(project: RefreshingProject, refreshId: string, request: RetryRequest = {}): Promise<Receipt> {
    return this.admission.retry(project, refreshId, request);
  }

  /** Throws RefreshNotFound, also for another project's refresh. */
  async getRefresh(project: RefreshingProject, refreshId: string): Promise<RefreshDetails> {
    const refresh = await this.reader.find(project.id, refreshId);
    if (!refresh) throw new RefreshNotFound(refreshId);
    return refresh;
  }

  /** Newest first; those with REQUESTED_TRIGGERS, unless it names others. */
  async listRefreshes(project: RefreshingProject, query: PageRequest & RefreshListFilter): Promise<Page<Refresh>> {
    return this.reader.list(project.id, query);
  }

  /** Throws RefreshNotFound. */
  async listErrors(project: RefreshingProject, refreshId: string, page: PageRequest): Promise<Page<RefreshError>> {
    return this.reader.listErrors(await this.getRefresh(project, refreshId), page);
  }

  /** What became of each token, in the order of token ids; `limit` 1 to 1,000. Throws RefreshNotFound. */
  async listTokens(project: RefreshingProject, refreshId: string, query: RefreshTokenQuery): Promise<RefreshTokenPage> {
    return this.tokensReader.page(await this.getRefresh(project, refreshId), query);
  }

  /** The same for all tokens, in lists of up to 1,000, of which some may be empty. Throws RefreshNotFound at the first. */
  async *tokenPages(
    project: RefreshingProject,
    refreshId: string,
    query: RefreshTokenFilter & Pick<RefreshTokenQuery, 'after'>,
  ): AsyncGenerator<RefreshToken[]> {
    yield* this.tokensReader.pages(await this.getRefresh(project, refreshId), query);
  }

  /** Throws CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, TokensNotFound. */
  async listAttempts(
    project: RefreshingProject,
    { collectionAddress, tokenId }: { collectionAddress: string; tokenId: string },
    page: PageRequest,
  ): Promise<Page<Attempt>> {
    const { id: collectionId } = await this.collections.getRefreshable(project, collectionAddress);
    const token = await this.tokens.findToken({ collectionId, tokenId });
    if (!token) throw new TokensNotFound([tokenId]);
    return this.reader.listAttempts({ collectionId, tokenId }, page);
  }

  /**
   * Writes an earlier version of a token again, as a new version. The next refresh fetches as usual; with `holdUntil`, refreshes of the
   * token end with the verdict `held` before, and one refresh follows at its end if there were any. Throws CollectionNotFound,
   * CollectionNotOwned, CollectionAmbiguous, TokensNotFound, VersionNotFound, VersionNotKept, InvalidHold, VersionsNotSupported; then
   * nothing was written.
   */
  async restoreVersion(
    project: RefreshingProject,
    { collectionAddress, chainId, tokenId, version, holdUntil, admit }: RestoreRequest,
  ): Promise<Restoration> {
    const collection = await this.collections.get(project.id, collectionAddress, chainId);
    return this.restores.restore({ collection, tokenId, version, holdUntil }, admit);
  }

  /**
   * Ends the hold of a token now. If refreshes have met it, one refresh follows within seconds. Throws CollectionNotFound,
   * CollectionNotOwned, CollectionAmbiguous, HoldNotFound.
   */
  async endHold(project: RefreshingProject, { collectionAddress, chainId, tokenId }: OwnToken): Promise<void> {
    await this.endHoldOf(await this.collections.get(project.id, collectionAddress, chainId), tokenId);
  }

  /** As `restoreVersion`, on behalf of an operator. */
  async restoreCollectionVersion(version: RestoredVersion): Promise<Restoration> {
    return this.restores.restore(version);
  }

  /** As `endHold`, on behalf of an operator. Throws HoldNotFound. */
  async endHoldOf({ id: collectionId }: Collection, tokenId: string): Promise<void> {
    if (!(await this.restores.endHold({ collectionId, tokenId }))) throw new HoldNotFound(tokenId);
  }

  /** What the project may ask for, and what is left of it. Takes nothing. */
  async readLimits(project: RefreshingProject): Promise<RefreshLimits> {
    const { tokensPerRequest, tokensPerSelection, tokensPerHour } = this.limits.of(project);
    return {
      tokensPerRequest,
      tokensPerSelection,
      tokensPerHour: await this.quota.read(project.id, tokensPerHour),
    };
  }
}
