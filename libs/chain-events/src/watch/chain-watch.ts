import { randomUUID } from 'node:crypto';
import { describeDatabaseError, inTransaction } from '@app/database';
import type { ContractOwners, JsonRpc } from '@app/metadata-fetch';
import type { CollectionRecords } from '@app/metadata-refresh';
import type { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { LeaseLost, type ChainCursor, type ChainCursors, type CursorAdvance } from '../chain-cursors.js';
import type { ChainEventsConfig } from '../chain-events.options.js';
import type { ChainReadings } from '../chain-readings.js';
import { keyOf, positionOf, type ChainLog } from '../log/chain-log.js';
import { decodeLog } from '../log/decode-log.js';
import { LogReader, type BlockRange, type HeadResult, type LogsResult } from '../log/log-reader.js';
import { withRpcDeadline } from '../log/rpc-deadline.js';
import { allTokensOf, type PendingEvents } from '../pending/pending-events.js';
import type { WatchedCollection, WatchedCollections } from '../watched-collections.js';
import { grown, shrunk } from './block-span.js';
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
  records: CollectionRecords;
  owners: ContractOwners;
  readings: ChainReadings;
  config: ChainEventsConfig;
}

/**
 * How one poll ended. `standby`: another process watches the chain · `idle`: no collection asks for events · `read`: all blocks are
 * read · `failed`: no node could be read.
 */
export type PollResult =
  { kind: 'standby' | 'idle' | 'read' } | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** If a provider allows few blocks in one call, each poll reads fewer blocks again: at most this many calls. */
const MAX_OVERLAP_CALLS = 4;
/** A newest block that is very far ahead is accepted if all nodes agree in this many polls in a row, after the first. */
const AHEAD_POLLS = 3;
/** If all nodes stay behind the blocks that were read for this long, the chain was restarted, or a node had made up blocks. */
const BEHIND_SECONDS = 600;

/**
 * Watches one chain: reads the logs of new blocks and again those of the blocks before them, and saves what has changed since the last
 * poll together with the cursor. Events are hints, and the state of the chain is the truth: a log that is read twice, or that has
 * vanished, causes one more fetch and nothing else.
 */
export class ChainWatch {
  private readonly logger = new ModuleLogger('ChainEvents');
  private readonly owner = randomUUID();
  private readonly reader: LogReader;
  /** The logs of the last blocks; null: read them from the database. */
  private seen: Map<string, LoggedEvent> | null = null;
  /** What the last complete poll was about. */
  private lastPoll = { blockHash: '', watched: '' };
  /** Blocks with more logs of a contract than a node returns, by block and address. They are read again with every poll. */
  private readonly unreadable = new Map<string, number>();
  /** Polls in a row whose newest block was too far ahead. */
  private aheadPolls = 0;
  /** When all nodes began to be behind the last block that was read, by the clock of the database. */
  private behindSince: Date | null = null;

  constructor(
    readonly chainId: number,
    rpc: JsonRpc,
    private readonly parts: WatchParts,
  ) {
    this.reader = new LogReader(rpc, chainId);
  }

  /** Reads new blocks. Throws database errors. */
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

  /** Lets another process watch the chain immediately. */
  async release(): Promise<void> {
    this.forget();
    try {
      await this.parts.cursors.release(this.chainId, this.owner);
    } catch (error) {
      const { chainId } = this;
      this.logger.warn({ msg: 'chain lease not released', chainId, error: describeDatabaseError(error) });
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
    const { readings, config } = this.parts;
    // Among collections that were not watched before, none waits for what has happened meanwhile.
    const unread = watched.some(({ sinceBlock }) => sinceBlock !== null) ? cursor.nextBlock : null;
    const minBlock = (unread ?? 0) - config.overlapBlocks - config.confirmations;
    const head = await this.readHead({ nextBlock: unread, now: cursor.now }, minBlock, signal);
    if (head.kind === 'failed') return head;
    const newest = Math.max(0, head.blockNumber - config.confirmations);
    const newcomers = watched.filter(({ sinceBlock }) => sinceBlock === null);
    const joining = watched.filter(({ sinceBlock }) => sinceBlock === null || sinceBlock > newest);
    for (const one of joining) one.sinceBlock = newest;
    const poll = { blockHash: head.blockHash, watched: JSON.stringify(watched) };
    if (poll.blockHash === this.lastPoll.blockHash && poll.watched === this.lastPoll.watched) return { kind: 'read' };

    let span = cursor.span ?? { blocks: config.blocksPerCall, limit: null };
    span = { ...span, blocks: Math.min(span.blocks, config.blocksPerCall) };
    const overlap = Math.min(config.overlapBlocks, span.blocks * MAX_OVERLAP_CALLS);
    const continues =
      unread !== null && newest - unread < config.maxCatchUpBlocks && head.blockNumber >= minBlock ? unread : null;
    let fromBlock = Math.max(0, Math.min(continues ?? Infinity, newest + 1) - overlap);
    let nextBlock = continues ?? fromBlock;
    let start: Start = { newcomers, joining, newest, missedFrom: continues === null ? unread : null };
    while (fromBlock <= newest) {
      if (signal?.aborted) return { kind: 'read' };
      const range = { fromBlock, toBlock: Math.min(newest, fromBlock + span.blocks - 1) };
      const blocks = range.toBlock - fromBlock + 1;
      const result = await this.readRange(watched, range, signal);
      if (result.kind === 'failed') return result;
      if (result.kind === 'limit') {
        span = shrunk(span, blocks, result);
        this.logger.debug({ msg: 'RPC calls limited to fewer blocks', chainId: this.chainId, blocks: span.blocks });
        continue;
      }
      span = grown(span, blocks, config.blocksPerCall);
      nextBlock = Math.max(nextBlock, range.toBlock + 1);
      await this.save(watched, result, { nextBlock, span, headBlock: head.blockNumber }, start);
      start = { newcomers: [], joining: [], newest, missedFrom: null };
      readings.recordProgress({
        chainId: this.chainId,
        headBlock: head.blockNumber,
        readBlock: nextBlock - 1,
        blocksPerCall: span.blocks,
      });
      for (const address of result.unreadable) this.unreadable.set(`${range.toBlock} ${address}`, range.toBlock);
      fromBlock = range.toBlock + 1;
    }
    this.lastPoll = poll;
    return { kind: 'read' };
  }

  /** Blocks that are very far ahead, and a chain that was restarted, are accepted when all nodes agree for some time. */
  private async readHead(
    { nextBlock, now }: Pick<ChainCursor, 'nextBlock' | 'now'>,
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
    const head = await withRpcDeadline(signal, (deadline) => this.reader.readHead(deadline, bounds));
    const reason = head.kind === 'failed' ? head.reason : null;
    this.aheadPolls = reason === 'ahead' ? this.aheadPolls + 1 : 0;
    if (reason === 'behind') this.behindSince ??= now;
    else if (reason === null) this.behindSince = null;
    return head;
  }

  /** What is new in these blocks, and what has vanished from them: only if the chain is read again and says the same. */
  private async readRange(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    signal: AbortSignal | undefined,
  ): Promise<Exclude<LogsResult, { kind: 'logs' }> | (Difference & { kind: 'difference' })> {
    const first = await this.readLogs(watched, range, signal);
    if (first.kind !== 'logs') return first;
    const difference = await this.differenceFrom(watched, range, first);
    if (difference.vanished.length === 0) return { kind: 'difference', ...difference };
    const second = await this.readLogs(watched, range, signal);
    if (second.kind !== 'logs') return second;
    const both = {
      logs: [...first.logs, ...second.logs],
      unreadable: [...new Set([...first.unreadable, ...second.unreadable])],
    };
    return { kind: 'difference', ...(await this.differenceFrom(watched, range, both)) };
  }

  private async readLogs(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    signal: AbortSignal | undefined,
  ): Promise<LogsResult> {
    const result = await withRpcDeadline(signal, (deadline) => this.reader.read(watched, range, deadline));
    if (result.kind === 'logs' && result.refused > 0) {
      const { refused } = result;
      this.logger.warn({
        msg: 'RPC node returned logs that were not requested',
        chainId: this.chainId,
        ...range,
        refused,
      });
    }
    return result;
  }

  private async differenceFrom(
    watched: readonly WatchedCollection[],
    range: BlockRange,
    { logs, unreadable }: Pick<Extract<LogsResult, { kind: 'logs' }>, 'logs' | 'unreadable'>,
  ): Promise<Difference> {
    this.seen ??= await this.parts.logs.load(this.chainId, range.fromBlock - this.parts.config.overlapBlocks);
    const byAddress = new Map(watched.map((one) => [one.address, one]));
    const wanted = logs.filter(({ address, blockNumber }) => blockNumber > byAddress.get(address)!.sinceBlock!);
    const difference = differenceOf(this.seen, wanted, {
      ...range,
      isAsked: (log) => {
        const collection = byAddress.get(log.address);
        const isRead = collection !== undefined && !unreadable.includes(log.address);
        return isRead && (log.kind !== 'mint' || collection.discover === 'mints');
      },
    });
    const isNew = (address: string) => !this.unreadable.has(`${range.toBlock} ${address}`);
    return { ...difference, unreadable: unreadable.filter(isNew) };
  }

  private async save(
    watched: readonly WatchedCollection[],
    { added, vanished, unreadable }: Difference,
    cursor: CursorAdvance,
    { newcomers, joining, newest, missedFrom }: Start,
  ): Promise<void> {
    const { em, cursors, collections, logs, intake, pending, records, owners, readings, config } = this.parts;
    const { chainId, owner } = this;
    const seen = this.seen!;
    const firstBlock = cursor.nextBlock - config.overlapBlocks;
    const outdated = [...seen.values()].filter(({ blockNumber }) => blockNumber < firstBlock);
    const decoded = added.map((log) => this.decode(log)).filter((event) => event !== null);
    const withGap = missedFrom === null ? watched.filter(({ address }) => unreadable.includes(address)) : watched;
    if (decoded.length + vanished.length + outdated.length + withGap.length + joining.length === 0) {
      return cursors.advance(em.fork(), chainId, owner, cursor);
    }
    if (missedFrom !== null) {
      this.logger.warn({
        msg: 'chain events missed; all tokens will be refreshed',
        chainId,
        from: missedFrom,
        newest,
      });
    }
    const byAddress = new Map(watched.map((collection) => [collection.address, collection]));
    const eventsOf = (some: readonly LoggedEvent[], hasVanished: boolean): CollectionEvent[] =>
      some.map((event) => intake.toCollectionEvent(byAddress.get(event.address)!, event, hasVanished));
    // What has vanished comes first: the same event may be in another block now.
    const events = [...eventsOf(vanished, true), ...eventsOf(decoded, false)];
    await intake.registerMints(events);
    await inTransaction(em, async (tx) => {
      // First: its row is the fence, and nothing is written for a process that has lost the chain.
      await cursors.advance(tx, chainId, owner, cursor);
      await logs.replace(tx, chainId, { added: decoded, vanished, firstBlock });
      await intake.save(tx, events);
      await pending.addRanges(
        tx,
        withGap.map(({ collectionId }) => allTokensOf(collectionId, 'gap', cursor.nextBlock - 1)),
      );
      await collections.begin(
        tx,
        joining.map(({ collectionId }) => collectionId),
        newest,
      );
      await records.requestAll(
        tx,
        newcomers.map(({ collectionId }) => collectionId),
        0,
      );
    });
    for (const log of [...vanished, ...outdated]) seen.delete(keyOf(log));
    for (const [key, blockNumber] of this.unreadable) if (blockNumber < firstBlock) this.unreadable.delete(key);
    for (const { effect, address } of [...vanished, ...decoded]) {
      if (effect === 'owner') owners.forget({ chainId, address });
    }
    for (const log of decoded) {
      seen.set(keyOf(log), log);
      readings.countEvent(chainId, log.kind);
    }
  }

  /** null: it asks for nothing. */
  private decode(log: ChainLog): LoggedEvent | null {
    const position = positionOf(log);
    const event = decodeLog(log);
    if (event !== 'undecodable') return event && { ...position, ...event };
    this.logger.warn({
      msg: 'contract event ignored; its arguments do not match its signature',
      chainId: this.chainId,
      ...position,
    });
    return { ...position, kind: 'undecodable', effect: 'undecodable', tokens: [] };
  }
}

interface Difference {
  added: ChainLog[];
  vanished: LoggedEvent[];
  /** Contracts with more logs in one block than the node returns. */
  unreadable: string[];
}

/** What is saved with the first blocks of a poll, which prove that a node has them. */
interface Start {
  /** Collections that were not watched before, whose own records are read. */
  newcomers: readonly WatchedCollection[];
  /** Collections whose events are read after the newest block. */
  joining: readonly WatchedCollection[];
  newest: number;
  /** The first of the blocks that will never be read; null: there are none. */
  missedFrom: number | null;
}
