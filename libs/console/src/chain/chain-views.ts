import { ChainOverview, ChainStatuses, type ChainStatus, type ListedWatch } from '@app/chain-events';
import { BoundedReads } from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { notFound } from '../console.errors.js';
import { Names } from '../names.js';
import type { ChainList } from '../wire/chain-watcher.schema.js';

const MAX_WATCHES = 100;

type Contract = ChainList['rows'][number]['contracts'][number];

/** What the page of chain watchers shows. */
@Injectable()
export class ChainViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly collections: Collections,
    private readonly names: Names,
    @Optional() @Inject(ChainStatuses) private readonly statuses?: ChainStatuses,
    @Optional() @Inject(ChainOverview) private readonly overview?: ChainOverview,
  ) {}

  /** Whether this deployment watches chains. */
  get isWatching(): boolean {
    return this.statuses !== undefined && (this.overview?.isEnabled ?? false);
  }

  /** Throws Refused where no chain is watched. */
  list(): Promise<ChainList> {
    const { statuses, overview } = this;
    if (!this.isWatching || !statuses || !overview) throw notFound();
    return this.reads.run(async (now) => {
      const [chains, watches] = [await statuses.list(), await overview.listWatches(MAX_WATCHES)];
      const contracts = await this.contractsOf(watches);
      return {
        now: now.toISOString(),
        settleSeconds: overview.settleSeconds,
        rows: chains.map((chain) =>
          toRow(
            chain,
            contracts.filter(({ chainId }) => chainId === chain.chainId),
          ),
        ),
      };
    });
  }

  private async contractsOf(watches: readonly ListedWatch[]): Promise<Contract[]> {
    const ids = watches.map(({ collectionId }) => collectionId);
    const addresses = new Map((await this.collections.findAll(ids)).map(({ id, address }) => [id, address]));
    const nameOf = await this.names.ofCollections(ids);
    return watches.flatMap(({ collectionId, discover, refreshEverySeconds, backfill }) => {
      const address = addresses.get(collectionId);
      if (address === undefined) return [];
      const finishedAt = backfill?.finishedAt?.toISOString() ?? null;
      return {
        ...nameOf(collectionId, address),
        discover,
        refreshEverySeconds,
        backfill: backfill && { ...backfill, finishedAt },
      };
    });
  }
}

function toRow(chain: ChainStatus, contracts: Contract[]): ChainList['rows'][number] {
  const { headBlock, readBlock } = chain;
  return {
    chainId: chain.chainId,
    state: chain.state,
    headBlock,
    readBlock,
    behind: headBlock === null || readBlock === null ? null : Math.max(0, headBlock - readBlock),
    readAt: chain.readAt?.toISOString() ?? null,
    blocksPerCall: chain.blocksPerCall,
    failingSince: chain.failingSince?.toISOString() ?? null,
    lastError: chain.lastError,
    waitingTokens: chain.waitingTokens,
    waitingRanges: chain.waitingRanges,
    collections: chain.collections,
    backfills: chain.backfills,
    contracts,
  };
}
