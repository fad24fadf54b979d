import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { MetadataFetcher, type MetadataLocation } from '@app/metadata-fetch';
import { expandAddress } from '@app/metadata-uri';
import { Collections, TokenStore, type Collection } from '@app/token-store';
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
import type { RefreshTrigger } from './refresh-trigger.js';
import {
  RefreshTokensReader,
  type RefreshToken,
  type RefreshTokenFilter,
  type RefreshTokenPage,
  type RefreshTokenQuery,
} from './refresh-tokens-reader.js';
import { timeOrderedUuid } from './time-ordered-uuid.js';

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
  admit?: (em: EntityManager) => Promise<void>;
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
    private readonly tokensReader: RefreshTokensReader,
    private readonly bulkPause: BulkPause,
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
   * commit. Throws TokensPerRequestExceeded, CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, SourceNotSupported,
   * TokensNotFound, QuotaExceeded; then nothing was saved or counted.
   */
  async request(project: RefreshingProject, request: RefreshRequest): Promise<Receipt> {
    const wanted = [...new Set(request.tokenIds)];
    const tokenLimit = this.tokensPerRequest(project);
    if (wanted.length > tokenLimit) throw new TokensPerRequestExceeded(tokenLimit, wanted.length);
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
        const left = await this.quota.reserve(em, project.id, this.allowance(project), wanted.length);
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

/**
 * The metadata host, the unit of politeness. What is on IPFS or Arweave comes from our gateways, whatever its name. Where
 * a contract's documents are is known only when it was asked: they are taken for one host of the collection's own.
 */
function hostOf(source: MetadataLocation): string {
  if (source.kind === 'chain') return `chain:${source.chainId}/${source.address}`;
  const { protocol, host } = new URL(source.kind === 'metadata_api' ? source.url : source.uri);
  return protocol === 'http:' || protocol === 'https:' ? host : protocol;
}

function toLocation(collection: Collection): MetadataLocation {
  const source = collection.source();
  const { chainId, address } = collection;
  // The token id is filled in for each token, when it is fetched.
  if (source.kind === 'metadata_api') return { ...source, url: expandAddress(source.url, address) };
  return { kind: 'chain', chainId, address, uriRule: source.uriRule ?? 'standard' };
}
