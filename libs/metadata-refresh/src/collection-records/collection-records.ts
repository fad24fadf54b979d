import { describeDatabaseError, inTransaction } from '@app/database';
import { CollectionFetcher, type CollectionFetch } from '@app/metadata-fetch';
import {
  CollectionProfiles,
  Collections,
  UnknownCollection,
  type Collection,
  type CollectionProfile,
  type ProfileChange,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { BackgroundPass } from '../background-pass.js';
import { EventOutbox } from '../event-outbox.js';
import { toTokenError } from '../completion/token-error.js';
import { SourceNotSupported } from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { retryDelaySeconds } from '../completion/retry-policy.js';
import {
  CollectionRefreshQueue,
  type ClaimedCollection,
  type CollectionRefreshState,
} from './collection-refresh-queue.js';

/** Contracts that one process reads at the same time. */
const CONCURRENCY = 4;
const MAX_SHOWN_URI = 500;

/**
 * The records of collections themselves: name, image, owner and so on, as their contracts say them (ERC-7572), or as their owners push
 * them. A record keeps what a failed read does not say, and a change is an event.
 */
@Injectable()
export class CollectionRecords implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly shutdown = new AbortController();
  private readonly background = new BackgroundPass(
    () => this.readAll(),
    (error) => this.logger.warn({ msg: 'collection records not read', error: describeDatabaseError(error) }),
  );

  constructor(
    private readonly em: EntityManager,
    private readonly collections: Collections,
    private readonly profiles: CollectionProfiles,
    private readonly fetcher: CollectionFetcher,
    private readonly queue: CollectionRefreshQueue,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /** Replaces the metadata of a collection itself, as its owner sent it. `admit`: a last condition, inside the transaction. Throws UnknownCollection. */
  async push(
    collectionId: string,
    profile: CollectionProfile,
    admit: (em: EntityManager) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    await this.profiles.push(collectionId, profile, async (em, change) => {
      await this.report(em, change);
      await admit(em);
    });
    this.outbox?.announce();
  }

  /**
   * The worker reads the contract within seconds, and at most once a minute. `em`: in the caller's transaction. Throws
   * SourceNotSupported: there is no node of its chain.
   */
  async request(
    collection: Collection,
    options: { delaySeconds?: number; em?: EntityManager } = {},
  ): Promise<CollectionRefreshState> {
    if (!this.fetcher.supports(collection.chainId))
      throw new SourceNotSupported({ address: collection.address, chainId: collection.chainId });
    await this.queue.request([collection.id], options);
    return this.queue.find(collection.id);
  }

  /** Reads the contract immediately. Returns why that failed; null: it succeeded. Throws SourceNotSupported. */
  async readNow(collection: Collection): Promise<string | null> {
    const { id: collectionId, address, chainId } = collection;
    if (!this.fetcher.supports(chainId)) throw new SourceNotSupported({ address, chainId });
    const fetch = await this.fetcher.fetch({ collectionId, chainId, address }, this.shutdown.signal);
    const { error } = this.endOf(fetch, 1);
    await this.save(collection, fetch, (em) => this.queue.recordAttempt(em, collectionId, error));
    return error;
  }

  /** As `request`, for collections of a chain with a node, in the caller's transaction. */
  async requestAll(em: EntityManager, collectionIds: readonly string[], delaySeconds: number): Promise<void> {
    await this.queue.request(collectionIds, { em, delaySeconds });
  }

  async findState(collectionId: string): Promise<CollectionRefreshState> {
    return this.queue.find(collectionId);
  }

  /** Reads due records in the background, at most once a second. Logs errors: the next call tries again. */
  poll(): void {
    this.background.poll();
  }

  /** Reads until nothing is due. Throws database errors. */
  run(): Promise<void> {
    return this.background.run();
  }

  /** Aborts the reads in progress: their records are due again after the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    this.shutdown.abort();
    await this.background.stop();
  }

  private async readAll(): Promise<void> {
    while (!this.shutdown.signal.aborted) {
      const claimed = await this.queue.claim(CONCURRENCY);
      if (claimed.length === 0) return;
      const results = await Promise.allSettled(claimed.map((one) => this.read(one)));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    }
  }

  private async read(claimed: ClaimedCollection): Promise<void> {
    const { collectionId, attempts } = claimed;
    const collection = await this.collections.find(collectionId);
    if (!collection) {
      return inTransaction(this.em, (em) => this.queue.finish(em, claimed, { retrySeconds: null, error: null }));
    }
    const { chainId, address } = collection;
    const fetch = await this.fetcher.fetch({ collectionId, chainId, address }, this.shutdown.signal);
    if (this.shutdown.signal.aborted) return;
    await this.save(collection, fetch, (em) => this.queue.finish(em, claimed, this.endOf(fetch, attempts)));
  }

  private async save(
    collection: Collection,
    { contract, document }: CollectionFetch,
    finish: (em: EntityManager) => Promise<void>,
  ): Promise<void> {
    if (!contract) return inTransaction(this.em, finish);
    const read = {
      contract: { ...contract, contractUri: shortened(contract.contractUri), document },
      keepsPushed: collection.effectivePushPolicy() === 'push_wins',
    };
    try {
      await this.profiles.writeContract(collection.id, read, async (em, change) => {
        await this.report(em, change);
        await finish(em);
      });
    } catch (error) {
      // It is being removed.
      if (!(error instanceof UnknownCollection)) throw error;
    }
    this.outbox?.announce();
  }

  private endOf({ outcome }: CollectionFetch, attempts: number): { retrySeconds: number | null; error: string | null } {
    if (outcome === null || outcome.kind === 'fetched' || outcome.kind === 'not_modified') {
      return { retrySeconds: null, error: null };
    }
    return { retrySeconds: retryDelaySeconds(outcome, attempts, this.config), error: toTokenError(outcome).reason };
  }

  private async report(em: EntityManager, change: ProfileChange | null): Promise<void> {
    if (change) await this.outbox?.add(em, { collections: [change] });
  }
}

/** A `data:` URI holds the whole document. */
function shortened(contractUri: string | null): string | null {
  return contractUri !== null && contractUri.length > MAX_SHOWN_URI
    ? `${contractUri.slice(0, MAX_SHOWN_URI)}…`
    : contractUri;
}
