import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { MetadataFetcher } from '@app/metadata-fetch';
import { Collections, InvalidTokenId, TokenStore, type Collection } from '@app/token-store';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { BulkPause } from './bulk-pause.js';
import {
  CollectionAmbiguous,
  CollectionNotFound,
  CollectionNotOwned,
  RefreshNotFound,
  SourceNotSupported,
  TokensPerRequestExceeded,
  TokensNotFound,
  type QuotaState,
} from './metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { KeyedMutex } from './keyed-mutex.js';
import type { Page, PageRequest } from './page.js';
import { RefreshControl, type Admission } from './refresh-control.js';
import { isInteractive, RefreshEnqueuer } from './refresh-enqueuer.js';
import { RefreshQuota } from './refresh-quota.js';
import {
  RefreshReader,
  type Attempt,
  type Refresh,
  type RefreshDetails,
  type RefreshError,
  type RefreshListFilter,
} from './refresh-reader.js';
import { RefreshRetry } from './refresh-retry.js';
import { hostOf, toLocation } from './refresh-source.js';
import type { RefreshTrigger } from './refresh-trigger.js';
import { timeOrderedUuid } from './time-ordered-uuid.js';
import { RefreshValidation } from './validation/refresh-validation.js';
import type { ChargedValidation, Validation } from './validation/validation.js';

/** Who asks, as far as refreshing needs to know. */
export interface RefreshingProject {
  id: string;
  /** null, here and in the next: the deployment's default; 0: none may. */
  tokensPerRequest: number | null;
  tokensPerHour: number | null;
}

/** A request to refresh tokens of one collection. */
export interface RefreshRequest {
  collectionAddress: string;
  /** Decimal uint256; given twice, it is one token. */
  tokenIds: readonly string[];
  /** What requests it; `api` when absent. */
  trigger?: RefreshTrigger;
  /**
   * What ids mean that are not registered. `fail` (the default): the refresh is accepted, and these tokens fail in it at
   * once. `reject`: nothing is accepted.
   */
  unknownTokens?: 'fail' | 'reject';
  /** A last condition, inside the transaction that accepts: what it throws refuses the refresh, and undoes what it did. */
  admit?: Admission;
}

/** A request to cancel, pause or resume a refresh. */
export interface ControlRequest {
  /** A last condition, inside the transaction: what it throws undoes the change. */
  admit?: Admission;
}

/** A request to refresh the failed tokens of a refresh again. */
export interface RetryRequest {
  /** Only tokens that failed for one of these reasons; all failed tokens when absent. */
  reasons?: readonly string[] | undefined;
  /** As in RefreshRequest. */
  admit?: Admission;
}

/** A request to find out what a refresh of tokens of one collection would do. */
export interface ValidationRequest {
  collectionAddress: string;
  /** Decimal uint256, at most 20; given twice, it is one token. */
  tokenIds: readonly string[];
  /** A last condition, inside the transaction that charges the tokens: what it throws refuses the validation. */
  admit?: Admission;
}

/** What a project may ask for. */
export interface RefreshLimits {
  tokensPerRequest: number;
  tokensPerHour: QuotaState;
}

/** The promise that a 202 carries. */
export interface Receipt {
  refreshId: string;
  quota: QuotaState;
}

/** Asking for refreshes, and asking what became of them. */
@Injectable()
export class MetadataRefreshService {
  private readonly logger = new Logger('MetadataRefresh');
  /** A project's requests wait for its quota anyhow; here they wait without a connection, which others need. */
  private readonly byProject = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly quota: RefreshQuota,
    private readonly enqueuer: RefreshEnqueuer,
    private readonly reader: RefreshReader,
    private readonly bulkPause: BulkPause,
    private readonly control: RefreshControl,
    private readonly retries: RefreshRetry,
    private readonly validation: RefreshValidation,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Why this URL of a Metadata API can never be requested, such as `blocked_address` for a private one; null if it may be.
   * Makes no request.
   */
  rejectionReason(metadataUrl: string): string | null {
    return this.fetcher.rejectionReason(metadataUrl);
  }

  /**
   * Accept a refresh: quota, refresh and items are saved in one transaction, and a receipt is given only after its
   * commit. Throws TokensPerRequestExceeded, InvalidTokenId, CollectionNotFound, CollectionNotOwned, CollectionAmbiguous,
   * SourceNotSupported, TokensNotFound, QuotaExceeded; then nothing was saved or counted.
   */
  async request(project: RefreshingProject, request: RefreshRequest): Promise<Receipt> {
    const wanted = [...new Set(request.tokenIds)];
    const tokenLimit = this.tokensPerRequest(project);
    if (wanted.length > tokenLimit) throw new TokensPerRequestExceeded(tokenLimit, wanted.length);
    // "01" would be a second token, with the row of "1".
    InvalidTokenId.check(wanted);
    const collection = await this.ownedCollection(project, request.collectionAddress);
    const source = toLocation(collection);
    if (!this.fetcher.supports(source)) throw new SourceNotSupported(collection);
    if (isInteractive(wanted.length)) this.bulkPause.request();
    const lane = await this.enqueuer.lane(project.id, hostOf(source), collection.hostConcurrency ?? null);

    const refresh = {
      id: timeOrderedUuid(),
      projectId: project.id,
      collection,
      source,
      lane,
      trigger: request.trigger ?? 'api',
    };
    const { quota, isCompleted } = await this.byProject.runExclusive(project.id, async () => {
      await this.quota.precheck(project.id, this.allowance(project), wanted.length);
      return inTransaction(this.em, async (em) => {
        const unknown = await this.tokens.findUnknown(em, collection.id, wanted);
        if (unknown.length > 0 && request.unknownTokens === 'reject') throw new TokensNotFound(unknown);
        await this.enqueuer.save(em, refresh, wanted, unknown);
        // Last: these lock a row of the project, and what comes after them is only the commit.
        await request.admit?.(em);
        const left = await this.quota.reserve(em, refresh, this.allowance(project), wanted.length);
        return { quota: left, isCompleted: unknown.length === wanted.length };
      });
    });
    if (isCompleted) this.enqueuer.announceCompletion();
    this.logger.log({
      msg: 'refresh accepted',
      refreshId: refresh.id,
      projectId: project.id,
      collectionAddress: collection.address,
      tokens: wanted.length,
    });
    return { refreshId: refresh.id, quota };
  }

  /**
   * Fetches up to 20 tokens now and tells what a refresh would do, within 10 seconds and without a retry. Stores nothing but the
   * charge of the tokens to the hour, and a cooldown that the metadata host has asked for. Throws TooManyTokensToValidate,
   * TokensPerRequestExceeded, CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, SourceNotSupported, ValidationsRunning,
   * QuotaExceeded; then nothing was counted or fetched.
   */
  async validate(project: RefreshingProject, request: ValidationRequest): Promise<ChargedValidation> {
    const { collectionAddress, tokenIds, admit } = request;
    const tokenLimit = this.tokensPerRequest(project);
    if (new Set(tokenIds).size > tokenLimit) throw new TokensPerRequestExceeded(tokenLimit, new Set(tokenIds).size);
    const collection = await this.ownedCollection(project, collectionAddress);
    const payer = { projectId: project.id, tokensPerHour: this.allowance(project), admit };
    return this.validation.validateFor(payer, collection, tokenIds);
  }

  /** The same on behalf of an operator: counts towards no limit. Throws TooManyTokensToValidate, SourceNotSupported. */
  async validateCollection(collection: Collection, tokenIds: readonly string[]): Promise<Validation> {
    return this.validation.validate(collection, tokenIds);
  }

  /**
   * Cancels the pending tokens of a refresh: none is claimed from now on, and they end with the verdict `cancelled` in the
   * background. Their records do not change. Tokens that a worker is fetching end as they end; a retry is cancelled. Tokens that no
   * worker had begun are given back to the hour that they were charged to, if it is still running. Again: nothing more happens. Returns
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
   * NothingToRetry, CollectionNotOwned, SourceNotSupported, QuotaExceeded; then nothing was saved or counted.
   */
  async retryRefresh(
    project: RefreshingProject,
    refreshId: string,
    { reasons, admit }: RetryRequest = {},
  ): Promise<Receipt> {
    const tokensPerHour = this.allowance(project);
    const accepted = await this.byProject.runExclusive(project.id, () =>
      this.retries.retry({ refreshId, projectId: project.id }, { reasons, admit, tokensPerHour }),
    );
    return { refreshId: accepted.refreshId, quota: accepted.quota! };
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

  /** Throws CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, TokensNotFound. */
  async listAttempts(
    project: RefreshingProject,
    { collectionAddress, tokenId }: { collectionAddress: string; tokenId: string },
    page: PageRequest,
  ): Promise<Page<Attempt>> {
    const { id: collectionId } = await this.ownedCollection(project, collectionAddress);
    const token = await this.tokens.findToken({ collectionId, tokenId });
    if (!token) throw new TokensNotFound([tokenId]);
    return this.reader.listAttempts({ collectionId, tokenId }, page);
  }

  /** What the project may ask for, and what is left of it. Takes nothing. */
  async readLimits(project: RefreshingProject): Promise<RefreshLimits> {
    return {
      tokensPerRequest: this.tokensPerRequest(project),
      tokensPerHour: await this.quota.read(project.id, this.allowance(project)),
    };
  }

  private tokensPerRequest(project: RefreshingProject): number {
    return project.tokensPerRequest ?? this.config.tokensPerRequest;
  }

  private allowance(project: RefreshingProject): number {
    return project.tokensPerHour ?? this.config.tokensPerHour;
  }

  private async ownedCollection(project: RefreshingProject, address: string): Promise<Collection> {
    const registered = await this.collections.findByAddress(address);
    if (registered.length === 0) throw new CollectionNotFound(address);
    const owned = registered.filter(({ projectId }) => projectId === project.id);
    const [collection] = owned;
    if (!collection) throw new CollectionNotOwned(address);
    if (owned.length > 1)
      throw new CollectionAmbiguous(
        address,
        owned.map(({ chainId }) => chainId),
      );
    return collection;
  }
}
