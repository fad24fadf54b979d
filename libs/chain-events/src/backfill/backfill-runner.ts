import { inTransaction } from '@app/database';
import { ChainRpc } from '@app/metadata-fetch';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from '../chain-events.options.js';
import { positionOf, type ChainLog } from '../log/chain-log.js';
import { decodeLog } from '../log/decode-log.js';
import { LogReader } from '../log/log-reader.js';
import { withRpcDeadline } from '../log/rpc-deadline.js';
import { allTokensOf, PendingEvents } from '../pending/pending-events.js';
import { grown, shrunk } from '../watch/block-span.js';
import { EventIntake, type CollectionEvent } from '../watch/event-intake.js';
import type { WatchedCollection } from '../watched-collections.js';
import { BackfillLost, Backfills, type BackfillAdvance, type ClaimedBackfill } from './backfills.js';

/** How long one call of `run` works at most, in milliseconds. */
const SLICE_MS = 5000;
const RETRY_SECONDS = 10;

/**
 * Registers the tokens that contracts have minted in the past, and what was burned since: the logs of one collection, some blocks at a
 * time, each with its cursor in one transaction. At its end, all tokens of the collection are refreshed once.
 */
@Injectable()
export class BackfillRunner {
  private readonly logger = new ModuleLogger('ChainEvents');
  private readonly readers: ReadonlyMap<number, LogReader>;

  constructor(
    private readonly em: EntityManager,
    rpc: ChainRpc,
    private readonly backfills: Backfills,
    private readonly intake: EventIntake,
    private readonly pending: PendingEvents,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {
    this.readers = new Map(rpc.chainIds.map((chainId) => [chainId, new LogReader(rpc.find(chainId)!, chainId)]));
  }

  /** For some seconds, or until nothing waits: collections take turns. Throws database errors. */
  async run(signal?: AbortSignal): Promise<void> {
    const until = performance.now() + SLICE_MS;
    while (!signal?.aborted && performance.now() < until) {
      const claimed = await this.backfills.claim([...this.readers.keys()]);
      if (!claimed) return;
      try {
        await this.step(claimed, signal);
      } catch (error) {
        if (!(error instanceof BackfillLost)) throw error;
      }
    }
  }

  private async step(claimed: ClaimedBackfill, signal: AbortSignal | undefined): Promise<void> {
    const { collectionId, chainId, address, nextBlock, untilBlock } = claimed;
    const collection: WatchedCollection = {
      collectionId,
      address,
      discover: 'mints',
      contractRefreshesTokens: false,
      sinceBlock: untilBlock,
    };
    const span = claimed.span ?? { blocks: this.config.blocksPerCall, limit: null };
    const range = { fromBlock: nextBlock, toBlock: Math.min(untilBlock, nextBlock + span.blocks - 1) };
    const blocks = range.toBlock - range.fromBlock + 1;
    if (blocks < 1) {
      return this.save(claimed, [], { nextBlock, span, tokens: 0, isFinished: true, error: null });
    }
    const result = await withRpcDeadline(signal, (deadline) =>
      this.readers.get(chainId)!.readTransfers(address, range, deadline),
    );
    if (signal?.aborted) return;
    if (result.kind === 'failed') {
      return this.backfills.postpone(claimed, Math.max(RETRY_SECONDS, result.retryAfterSeconds ?? 0), result.reason);
    }
    if (result.kind === 'limit') {
      const smaller = { nextBlock, span: shrunk(span, blocks, result), tokens: 0, isFinished: false, error: null };
      return this.save(claimed, [], smaller);
    }
    const { logs, unreadable } = result;
    if (unreadable.length > 0) {
      this.logger.warn({
        msg: 'mints not registered; their block has too many logs',
        chainId,
        collectionId,
        ...range,
      });
    }
    const events = this.eventsOf(collection, logs);
    const { registered, isFull } = await this.intake.registerMints(events);
    await this.save(claimed, events, {
      nextBlock: range.toBlock + 1,
      span: grown(span, blocks, this.config.blocksPerCall),
      tokens: registered,
      isFinished: isFull || range.toBlock === untilBlock,
      error: isFull ? 'collection_full' : null,
    });
  }

  /** Mints and burns, in the order of the chain. */
  private eventsOf(collection: WatchedCollection, logs: readonly ChainLog[]): CollectionEvent[] {
    const inOrder = logs.toSorted((one, other) => one.blockNumber - other.blockNumber || one.logIndex - other.logIndex);
    return inOrder.flatMap((log) => {
      const event = decodeLog(log);
      if (event === null || event === 'undecodable') return [];
      return [this.intake.toCollectionEvent(collection, { ...positionOf(log), ...event }, false)];
    });
  }

  private async save(
    claimed: ClaimedBackfill,
    events: readonly CollectionEvent[],
    advance: BackfillAdvance,
  ): Promise<void> {
    const { collectionId, chainId, untilBlock } = claimed;
    await inTransaction(this.em, async (em) => {
      await this.backfills.advance(em, claimed, advance);
      await this.intake.saveBurns(em, events);
      if (!advance.isFinished) return;
      await this.pending.addRanges(em, [allTokensOf(collectionId, 'backfill', untilBlock)]);
    });
    if (!advance.isFinished) return;
    const { error } = advance;
    this.logger.log({
      msg: 'past mints registered',
      chainId,
      collectionId,
      untilBlock,
      ...(error !== null && { error }),
    });
  }
}
