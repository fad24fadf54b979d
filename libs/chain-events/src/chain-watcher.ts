import { setTimeout as delay } from 'node:timers/promises';
import { describeDatabaseError, LeaseRenewal } from '@app/database';
import { ChainRpc, ContractOwners } from '@app/metadata-fetch';
import { CollectionRecords } from '@app/metadata-refresh';
import { exponentialDelay } from '@app/safe-http';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { BackfillRunner } from './backfill/backfill-runner.js';
import { ChainCursors } from './chain-cursors.js';
import { ChainReadings } from './chain-readings.js';
import { CHAIN_EVENTS_CONFIG, type ChainEventsConfig } from './chain-events.options.js';
import { EventDrain } from './pending/event-drain.js';
import { PendingEvents } from './pending/pending-events.js';
import { RefreshRounds } from './rounds/refresh-rounds.js';
import { ChainLogs } from './watch/chain-logs.js';
import { ChainWatch, type PollResult } from './watch/chain-watch.js';
import { EventIntake } from './watch/event-intake.js';
import { WatchedCollections } from './watched-collections.js';

/** Another process watches the chain, until its lease expires. */
const STANDBY_POLL_MS = 500;
const LEASE_RENEWAL_MS = 2000;
const DRAIN_INTERVAL_MS = 500;
/** A step of a round is due once a minute. */
const ROUNDS_INTERVAL_MS = 5000;
const BACKFILL_INTERVAL_MS = 1000;
/** After failures in a row, of nodes or of the database. In milliseconds. */
const BACKOFF = { base: 1000, max: 60_000, jitter: 0.2 };
/** A process whose nodes fail for this long lets another one try. */
const HANDOVER_MS = 10_000;

/**
 * Watches all chains that have an RPC URL, a loop for each, and requests the refreshes that their events cause and those by age, and
 * registers past mints, in loops of their own.
 * Several processes may run it: each chain is read by one of them, and a refresh is requested once.
 */
@Injectable()
export class ChainWatcher implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('ChainEvents');
  private readonly watches: readonly ChainWatch[];
  private shutdown: AbortController | undefined;
  private loops: Promise<void>[] = [];
  private readonly failing = new Map<string, number>();

  constructor(
    em: EntityManager,
    rpc: ChainRpc,
    cursors: ChainCursors,
    collections: WatchedCollections,
    logs: ChainLogs,
    intake: EventIntake,
    pending: PendingEvents,
    records: CollectionRecords,
    owners: ContractOwners,
    private readonly readings: ChainReadings,
    private readonly drain: EventDrain,
    private readonly rounds: RefreshRounds,
    private readonly backfills: BackfillRunner,
    @Inject(CHAIN_EVENTS_CONFIG) private readonly config: ChainEventsConfig,
  ) {
    const parts = { em, cursors, collections, logs, intake, pending, records, owners, readings, config };
    this.watches = rpc.chainIds.map((chainId) => new ChainWatch(chainId, rpc.find(chainId)!, parts));
  }

  /** Watches until `stop`. Does nothing if events are not enabled. */
  start(): void {
    if (this.shutdown || !this.config.enabled) return;
    this.shutdown = new AbortController();
    const { signal } = this.shutdown;
    this.loops = [
      ...this.watches.map((watch) => this.watchLoop(watch, signal)),
      this.requestLoop('events', this.drain, DRAIN_INTERVAL_MS, signal),
      this.requestLoop('age', this.rounds, ROUNDS_INTERVAL_MS, signal),
      this.requestLoop('backfill', this.backfills, BACKFILL_INTERVAL_MS, signal),
    ];
  }

  /** Reads all chains to their newest block, requests what is due, and registers past mints for some seconds. For hosts that schedule work themselves. Throws database errors. */
  async runOnce(): Promise<Map<number, PollResult>> {
    const results = new Map<number, PollResult>();
    if (!this.config.enabled) return results;
    for (const watch of this.watches) results.set(watch.chainId, await watch.poll());
    await this.drain.run();
    await this.rounds.run();
    await this.backfills.run();
    return results;
  }

  /** Ends requests to nodes. Other processes take over immediately. */
  async stop(): Promise<void> {
    this.shutdown?.abort();
    await Promise.all(this.loops);
    this.loops = [];
    this.shutdown = undefined;
  }

  /** While the database connection is still open. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async watchLoop(watch: ChainWatch, signal: AbortSignal): Promise<void> {
    const name = `chain ${watch.chainId}`;
    while (!signal.aborted) {
      const result = await this.pollSafely(watch, signal);
      const waitMs = this.waitAfter(name, result);
      if (result.kind === 'failed' && waitMs >= HANDOVER_MS) await watch.release();
      await pause(waitMs, signal);
    }
    await watch.release();
  }

  private async pollSafely(watch: ChainWatch, signal: AbortSignal): Promise<PollResult> {
    // A poll may take longer than the lease lasts.
    const renewal = new LeaseRenewal(() => watch.renewLease(), LEASE_RENEWAL_MS);
    try {
      return await watch.poll(signal);
    } catch (error) {
      this.readings.countFailure(watch.chainId, 'database');
      this.logFailure('chain events not saved; they will be read again', { chainId: watch.chainId }, error);
      return { kind: 'failed', reason: 'database' };
    } finally {
      await renewal.end();
    }
  }

  private async requestLoop(
    cause: 'events' | 'age' | 'backfill',
    requests: { run(signal: AbortSignal): Promise<void> },
    intervalMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      let waitMs = intervalMs;
      try {
        await requests.run(signal);
        this.failing.delete(cause);
      } catch (error) {
        this.logFailure('chain events not processed; the next try follows', { cause }, error);
        waitMs = Math.max(waitMs, this.waitAfter(cause, { kind: 'failed', reason: 'database' }));
      }
      await pause(waitMs, signal);
    }
  }

  private waitAfter(name: string, result: PollResult): number {
    if (result.kind !== 'failed') {
      this.failing.delete(name);
      return result.kind === 'standby' ? STANDBY_POLL_MS : this.config.pollIntervalMs;
    }
    const failures = (this.failing.get(name) ?? 0) + 1;
    this.failing.set(name, failures);
    return Math.max(exponentialDelay(failures, BACKOFF), (result.retryAfterSeconds ?? 0) * 1000);
  }

  private logFailure(msg: string, fields: object, error: unknown): void {
    this.logger.warn({ msg, ...fields, error: describeDatabaseError(error) });
  }
}

/** Ends early when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, null, { signal }).catch(() => null);
}
