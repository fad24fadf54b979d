import { randomUUID } from 'node:crypto';
import { describeDatabaseError, inTransaction } from '@app/database';
import type { JsonRpc } from '@app/metadata-fetch';
import { Deadline } from '@app/safe-http';
import type { EntityManager } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { LeaseLost, type ChainCursor, type ChainCursors } from '../chain-cursors.js';
import type { ChainEventsConfig } from '../chain-events.options.js';
import type { ChainReadings } from '../chain-readings.js';
import { ALL_TOKENS } from '../log/chain-event.js';
import { keyOf, type ChainLog } from '../log/chain-log.js';
import { decodeLog } from '../log/decode-log.js';
import { LogReader, type BlockRange, type HeadResult, type LogsResult } from '../log/log-reader.js';
import type { PendingEvents } from '../pending/pending-events.js';
import type { WatchedCollection, WatchedCollections } from '../watched-collections.js';
import { grown, shrunk, type BlockSpan } from './block-span.js';
import type { ChainLogs, LoggedEvent } from './chain-logs.js';
import type { CollectionEvent, EventIntake } from './event-intake.js';
import { differenceOf } from './log-difference.js';

/** What a watch works with. */
export interface WatchParts {
  em: EntityManager;
  cursors: ChainCursors;
  collections: WatchedCollections;
  logs: ChainLogs;
  intake: EventIntake;
  pending: PendingEvents;
  readings: ChainReadings;
  config: ChainEventsConfig;
}

/**
 * How one poll ended. `standby`: another process watches the chain · `idle`: no collection asks for events · `read`: all blocks are
 * read · `failed`: no node could be read.
 */
export type PollResult =
  { kind: 'standby' | 'idle' | 'read' } | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** Of all calls for one span of blocks, nodes that fail included. */
const RPC_DEADLINE_MS = 15_000;
/** With a provider that allows few blocks in one call, fewer blocks are read again: so many calls' worth. */
const MAX_OVERLAP_CALLS = 4;
/** A newest block from which a long stop would follow is believed if no node says anything else so many times in a row. */
const AHEAD_POLLS = 3;
/** If all nodes are behind what was read for so long, the chain has begun again, or a node had made up blocks. */
const BEHIND_SECONDS = 600;

/**
 * Watches one chain: reads the logs of new blocks and again those of the blocks before them, and saves what has changed since the last
 * poll together with the cursor. Events are hints, and the state of the chain is the truth: a log that is read twice, or that has
 * vanished, causes one more fetch and nothing else.
 */
export class ChainWatch {
  private readonly logger = new Logger('ChainEvents');
  private readonly owner = randomUUID();
  private readonly reader: LogReader;
  /** The logs of the last blocks; null: read them from the database. */
  private seen: Map<string, LoggedEvent> | null = null;
  /** What the last complete poll was about. */
  private lastPoll = { blockHash: '', watched: '' };
  /** Blocks with more logs of a contract than a node returns, as `block address`. They are read again with every poll. */
  private readonly unreadable = new Set<string>();
  /** Polls in a row whose newest block was too far ahead. */
  private aheadPolls = 0;
  /** Since when all nodes are behind what was read, in the time of the database. */
  private behindSince: Date | null = null;

  constructor(
    readonly chainId: number,
    rpc: JsonRpc,
    private readonly parts: WatchParts,
  ) {
    this.reader = new LogReader(rpc, chainId);
  }

  /** Reads what is new. Throws database errors. */
  async poll(signal?: AbortSignal): Promise<PollResult> {
    const { cursors, collections, readings } = this.parts;
    const cursor = await cursors.acquire(this.chainId, this.owner);
    if (!cursor) {
      this.forget();
      return { kind: 'standby' };
    }
    const watched = await collections.listOfChain(this.chainId);
    if (watched.length === 0) {
      this.forget();
      return { kind: 'idle' };
    }
    try {
      const result = await this.read(watched, cursor, signal);
      if (result.kind === 'failed' && !signal?.aborted) {
        this.lastPoll.blockHash = '';
        readings.countFailure(this.chainId, result.reason);
        await cursors.recordFailure(this.chainId, this.owner, result.reason);
      }
      return result;
    } catch (error) {
      // What was written is unknown.
      this.forget();
      if (error instanceof LeaseLost) return { kind: 'standby' };
      throw error;
    }
  }

  /** Renews the lease while a poll takes long. */
  async renewLease(): Promise<void> {
    await this.parts.cursors.renew(this.chainId, this.owner);
  }

  /** Another process may watch the chain at once. */
  async release(): Promise<void> {
    this.forget();
    try {
      await this.parts.cursors.release(this.chainId, this.owner);
    } catch (error) {
      const { chainId } = this;
      this.logger.warn({ msg: 'chain not released', chainId, error: describeDatabaseError(error) });
    }
  }

  private forget(): void {
    this.parts.readings.forgetProgress(this.chainId);
    this.seen = null;
    this.unreadable.clear();
    this.lastPoll = { blockHash: '', watched: '' };
  }

  private async read(
    watched: WatchedCollection[],
    cursor: ChainCursor,
    signal: AbortSignal | undefined,
  ): Promise<PollResult> {
    const { collections, readings, config } = this.parts;
    const minBlock = (cursor.nextBlock ?? 0) - config.overlapBlocks - config.confirmations;
    const head = await this.readHead(cursor, minBlock, signal);
    if (head.kind === 'failed') return head;
    const newest = Math.max(0, head.blockNumber - config.confirmations);
    const newcomers = watched.filter(({ sinceBlock }) => sinceBlock === null);
    if (newcomers.length > 0) {
      await collections.begin(
        newcomers.map(({ collectionId }) => collectionId),
        newest,
      );
      for (const newcomer of newcomers) newcomer.sinceBlock = newest;
    }
    const poll = { blockHash: head.blockHash, watched: JSON.stringify(watched) };
    if (poll.blockHash === this.lastPoll.blockHash && poll.watched === this.lastPoll.watched) return { kind: 'read' };

    let span = cursor.span ?? { blocks: config.blocksPerCall, limit: null };
    span = { ...span, blocks: Math.min(span.blocks, config.blocksPerCall) };
    let nextBlock = cursor.nextBlock;
    if (nextBlock === null || newest - nextBlock >= config.maxCatchUpBlocks || head.blockNumber < minBlock) {
      await this.begin(watched, { from: nextBlock, newest, span });
      nextBlock = newest + 1;
    }
    const overlap = Math.min(config.overlapBlocks, span.blocks * MAX_OVERLAP_CALLS);
    let fromBlock = Math.max(0, Math.min(nextBlock, newest + 1) - overlap);
    while (fromBlock <= newest) {
      if (signal?.aborted) return { kind: 'read' };
      const range = { fromBlock, toBlock: Math.min(newest, fromBlock + span.blocks - 1) };
      const blocks = range.toBlock - fromBlock + 1;
      const result = await this.readRange(watched, range, signal);
      if (result.kind === 'failed') return result;
      if (result.kind === 'limit') {
        span = shrunk(span, blocks, result);
        this.logger.debug({ msg: 'fewer blocks in one call', chainId: this.chainId, blocks: span.blocks });
        continue;
      }
      span = grown(span, blocks, config.blocksPerCall);
      nextBlock = Math.max(nextBlock, range.toBlock + 1);
      await this.save(watched, result, { nextBlock, span, headBlock: head.blockNumber });
      readings.recordProgress({
        chainId: this.chainId,
        headBlock: head.blockNumber,
        readBlock: nextBlock - 1,
        blocksPerCall: span.blocks,
      });
      for (const address of result.unreadable) this.unreadable.add(`${range.toBlock} ${address}`);
      fromBlock = range.toBlock + 1;
    }
    this.lastPoll = poll;
    return { kind: 'read' };
  }

  /** Blocks that are too far ahead, and a chain that has begun again, are believed when no node says anything else for some time. */
  private async readHead(
    { nextBlock, now }: ChainCursor,
    minBlock: number,
    signal: AbortSignal | undefined,
  ): Promise<HeadResult> {
    const { maxCatchUpBlocks, confirmations } = this.parts.config;
    const isBehindForLong =
      this.behindSince !== null && now.getTime() - this.behindSince.getTime() > BEHIND_SECONDS * 1000;
    const isAheadForLong = nextBlock === null || this.aheadPolls >= AHEAD_POLLS;
    const bounds = {
      minBlock: isBehindForLong ? 0 : minBlock,
      maxBlock: isAheadForLong ? Infinity : nextBlock + maxCatchUpBlocks + confirmations - 1,
    };
    const head = await withDeadline(signal, (deadline) => this.reader.readHead(deadline, bounds));
    const reason = head.kind === 'failed' ? head.reason : null;
    this.aheadPolls = reason === 'ahead' ? this.aheadPolls + 1 : 0;
    if (reason === 'behind') this.behindSince ??= now;
    else if (reason === null) this.behindSince = null;
    return head;
  }

  /** The cursor moves to the newest block. After a long stop, nobody knows what was missed. */
  private async begin(
    watched: readonly WatchedCollection[],
    { from, newest, span }: { from: number | null; newest: number; span: BlockSpan },
  ): Promise<void> {
    const { em, cursors, pending } = this.parts;
    if (from !== null) {
      this.logger.warn({
        msg: 'chain was not read for long, refreshing all tokens',
        chainId: this.chainId,
        from,
        newest,
      });
    }
    await inTransaction(em, async (tx) => {
      await cursors.advance(tx, this.chainId, this.owner, { nextBlock: newest + 1, span, headBlock: newest });
      if (from === null) return;
      const source = { kind: 'gap', transactionHash: null, blockNumber: newest, logIndex: null };
      const all = { fromId: String(ALL_TOKENS.from), toId: String(ALL_TOKENS.to) };
      await pending.addRanges(
        tx,
        watched.map(({ collectionId }) => ({ ...source, ...all, collectionId })),
      );
    });
  }

  /** What is new in these blocks, and what has vanished from them: only if the chain is read again and says the same. */
  private async readRange(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<LogsResult, { kind: 'logs' }> | (Difference & { kind: 'difference' })> {
    const first = await this.readLogs(watched, range, signal);
    if (first.kind !== 'logs') return first;
    const unreadable = first.unreadable.filter((address) => !this.unreadable.has(`${range.toBlock} ${address}`));
    const difference = await this.differenceFrom(watched, range, first.logs);
    if (difference.vanished.length === 0) return { kind: 'difference', ...difference, unreadable };
    const second = await this.readLogs(watched, range, signal);
    if (second.kind !== 'logs') return second;
    const confirmed = await this.differenceFrom(watched, range, [...first.logs, ...second.logs]);
    return { kind: 'difference', ...confirmed, unreadable };
  }

  private async readLogs(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    signal: AbortSignal | undefined,
  ): Promise<LogsResult> {
    const result = await withDeadline(signal, (deadline) => this.reader.read(watched, range, deadline));
    if (result.kind === 'logs' && result.refused > 0) {
      const { refused } = result;
      this.logger.warn({ msg: 'logs refused that were not asked for', chainId: this.chainId, ...range, refused });
    }
    return result;
  }

  private async differenceFrom(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    logs: readonly ChainLog[],
  ): Promise<Pick<Difference, 'added' | 'vanished'>> {
    this.seen ??= await this.parts.logs.load(this.chainId, range.fromBlock - this.parts.config.overlapBlocks);
    const byAddress = new Map(watched.map((one) => [one.address, one]));
    const wanted = logs.filter(({ address, blockNumber }) => blockNumber > byAddress.get(address)!.sinceBlock!);
    return differenceOf(this.seen, wanted, {
      ...range,
      isAsked: (log) => {
        const collection = byAddress.get(log.address);
        return collection !== undefined && (log.kind !== 'mint' || collection.discover === 'mints');
      },
    });
  }

  private async save(
    watched: readonly WatchedCollection[],
    { added, vanished, unreadable }: Difference,
    cursor: { nextBlock: number; span: BlockSpan; headBlock: number },
  ): Promise<void> {
    const { em, cursors, logs, intake, pending, readings, config } = this.parts;
    const seen = this.seen!;
    const firstBlock = cursor.nextBlock - config.overlapBlocks;
    const outdated = [...seen.values()].filter(({ blockNumber }) => blockNumber < firstBlock);
    const decoded = added.map((log) => this.decode(log)).filter((event) => event !== null);
    if (decoded.length + vanished.length + unreadable.length + outdated.length === 0) {
      return cursors.advance(em.fork(), this.chainId, this.owner, cursor);
    }
    const byAddress = new Map(watched.map((collection) => [collection.address, collection]));
    const eventsOf = (some: readonly LoggedEvent[], hasVanished: boolean): CollectionEvent[] =>
      some.map((event) => ({ collection: byAddress.get(event.address)!, event, hasVanished }));
    // What has vanished comes first: the same event may be in another block now.
    const events = [...eventsOf(vanished, true), ...eventsOf(decoded, false)];
    await intake.registerMints(events);
    await inTransaction(em, async (tx) => {
      // First: its row is the fence, and nothing is written for a process that has lost the chain.
      await cursors.advance(tx, this.chainId, this.owner, cursor);
      await logs.replace(tx, this.chainId, { added: decoded, vanished, firstBlock });
      await intake.save(tx, events);
      const source = { kind: 'gap', transactionHash: null, blockNumber: cursor.nextBlock - 1, logIndex: null };
      const all = { fromId: String(ALL_TOKENS.from), toId: String(ALL_TOKENS.to) };
      await pending.addRanges(
        tx,
        unreadable.map((address) => ({ ...source, ...all, collectionId: byAddress.get(address)!.collectionId })),
      );
    });
    for (const log of [...vanished, ...outdated]) seen.delete(keyOf(log));
    for (const log of decoded) {
      seen.set(keyOf(log), log);
      readings.countEvent(this.chainId, log.kind);
    }
  }

  /** null: it asks for nothing. */
  private decode(log: ChainLog): LoggedEvent | null {
    const { address, blockNumber, blockHash, transactionHash, logIndex } = log;
    const position = { address, blockNumber, blockHash, transactionHash, logIndex };
    const event = decodeLog(log);
    if (event !== 'undecodable') return event && { ...position, ...event };
    this.logger.warn({
      msg: 'event ignored, its arguments are not those of its signature',
      chainId: this.chainId,
      ...position,
    });
    return { ...position, kind: 'undecodable', effect: 'undecodable', tokens: [] };
  }
}

async function withDeadline<T>(signal: AbortSignal | undefined, read: (deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline = new Deadline(RPC_DEADLINE_MS, signal);
  try {
    return await read(deadline);
  } finally {
    deadline.clear();
  }
}

interface Difference {
  added: ChainLog[];
  vanished: LoggedEvent[];
  /** Contracts with more logs in one block than the node returns. */
  unreadable: string[];
}
