import { describeDatabaseError } from '@app/database';
import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore } from '@app/token-store';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { AttemptCounts } from '../metrics/attempt-counts.js';
import { BulkPause } from '../queue/bulk-pause.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { Completion } from '../completion/completion.js';
import { RefreshQueue } from '../queue/refresh-queue.js';
import { CollectionRecords } from '../collection-records/collection-records.js';
import { EndedHolds } from '../versions/ended-holds.js';
import { RefreshSweep } from '../control/refresh-sweep.js';
import { RevealSweep } from '../reveals/reveal-sweep.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { BatchCompleter } from './batch-completer.js';
import { ClaimDemand } from './claim-demand.js';
import { Claimer } from './claimer.js';
import { DatabaseErrors } from './database-errors.js';
import { Fetcher } from './fetcher.js';
import { HostLimits } from './host-limits.js';
import { HostMembership } from './host-membership.js';
import { HostWorkers } from './host-workers.js';
import { Hosts } from './hosts.js';
import { RecentCooldowns } from './recent-cooldowns.js';
import { RefreshListener } from './refresh-listener.js';
import { TokenBuffer } from './token-buffer.js';
import { TokenReleaser } from './token-releaser.js';
import { WorkerReports } from './worker-reports.js';

/** Interval of checks for tokens that cannot start yet, because their host is in cooldown or its shares change. */
const START_RETRY_MS = 250;

interface IdleWaiter {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * A token passes through these parts, which never wait for each other:
 *
 *     Claimer → TokenBuffer → Fetcher → BatchCompleter → Completion
 *
 * Claimer and Fetcher are loops, and so is HostMembership, which shares hosts with other workers. BatchCompleter needs none: a
 * result that is added, or its timer, begins a write. This class starts and stops the loops, and wakes one when another part has
 * something for it. Tokens of a worker that dies are due again when their lease expires; `stop` releases them at once.
 *
 * A worker is stopped, running or stopping. It runs after `start` until `stop`, and during each `runOnce`.
 */
@Injectable()
export class RefreshWorker implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private state: 'stopped' | 'running' | 'stopping' = 'stopped';
  /** `start` was called, and `stop` was not called since. */
  private isStarted = false;
  /** Calls of `runOnce` that are running. */
  private readonly rounds = new Set<symbol>();
  /** Resolves when the worker has stopped; undefined unless it is stopping. */
  private stopped: Promise<void> | undefined;
  private loops = new AbortController();
  private loopsEnded: Promise<unknown> = Promise.resolve();
  /** Aborts the requests in flight. */
  private fetches = new AbortController();
  private wakeTimer: NodeJS.Timeout | undefined;
  private idleWaiters: IdleWaiter[] = [];

  private readonly buffer: TokenBuffer;
  private readonly claimer: Claimer;
  private readonly fetcher: Fetcher;
  private readonly completer: BatchCompleter;
  private readonly hostMembership: HostMembership;
  private readonly cooldowns: RecentCooldowns;
  private readonly releaser: TokenReleaser;
  private readonly database: DatabaseErrors;

  constructor(
    queue: RefreshQueue,
    completion: Completion,
    hostWorkers: HostWorkers,
    metadataFetcher: MetadataFetcher,
    store: TokenStore,
    counts: AttemptCounts,
    metrics: WorkerMetrics,
    private readonly listener: RefreshListener,
    private readonly bulkPause: BulkPause,
    private readonly sweep: RefreshSweep,
    private readonly endedHolds: EndedHolds,
    private readonly revealSweep: RevealSweep,
    private readonly reports: WorkerReports,
    private readonly collectionRecords: CollectionRecords,
    @Inject(METADATA_REFRESH_CONFIG) config: MetadataRefreshConfig,
  ) {
    const hosts = new Hosts();
    const limits = new HostLimits(hosts, config.fetchConcurrency);
    const buffer = (this.buffer = new TokenBuffer(hosts, limits));
    const demand = new ClaimDemand(hosts, limits, buffer);
    const database = (this.database = new DatabaseErrors(metrics, (error) => this.onDatabaseError(error)));
    const releaser = (this.releaser = new TokenReleaser(queue, () => this.notifyIdle()));
    const cooldowns = (this.cooldowns = new RecentCooldowns(
      (host, seconds, reason) => queue.setCooldown(host, seconds, reason),
      (error) => this.logger.warn({ msg: 'cooldown not saved', error: describeDatabaseError(error) }),
    ));
    const completer = (this.completer = new BatchCompleter(completion, bulkPause, database, metrics, config, {
      isRunning: () => this.state === 'running',
      hasTokens: () => this.hasTokens,
      hasInteractiveTokens: () => buffer.interactiveCount + this.fetcher.interactiveCount > 0,
      onWritten: () => this.onWritten(),
    }));
    this.claimer = new Claimer(
      {
        queue,
        store,
        fetcher: metadataFetcher,
        buffer,
        demand,
        cooldowns,
        completer,
        releaser,
        database,
        metrics,
        config,
      },
      { onClaimed: () => this.onClaimed(), onEnd: () => this.notifyIdle() },
    );
    this.fetcher = new Fetcher(
      {
        fetcher: metadataFetcher,
        buffer,
        limits,
        cooldowns,
        completer,
        releaser,
        database,
        counts,
        reports,
        metrics,
        config,
      },
      {
        onFetched: (host, now) => {
          this.claimer.onFetched(host, now);
          this.notifyIdle();
        },
        onStalled: () => this.wakeLater(START_RETRY_MS),
      },
    );
    this.hostMembership = new HostMembership({ hostWorkers, hosts, limits, buffer, demand, releaser, database }, () => {
      this.fetcher.wake();
      this.notifyIdle();
    });
  }

  /** Works until `stop`. A worker that is stopping starts again afterwards. */
  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    if (this.state !== 'stopping') this.workUntilStop();
  }

  /**
   * Polls for due tokens: immediately if the worker is idle, else once a second. This finds retries, and refreshes whose
   * notification was lost: call it about every second. Also looks for refreshes that were paused, resumed or cancelled, for holds that
   * have ended, for reveals that are due, and for records of collections that are to be read.
   */
  wake(): void {
    if (this.state !== 'running') return;
    if (this.database.backoffMs > 0) return this.wakeLater(this.database.backoffMs);
    this.listener.keepListening();
    this.sweep.poll();
    this.endedHolds.poll();
    this.revealSweep.poll();
    this.collectionRecords.poll();
    this.claimer.releaseLate();
    this.claimer.pollIfDue({ isBusy: this.hasTokens });
    this.hostMembership.wake();
    this.fetcher.wake();
    this.completer.flush();
  }

  /** Works until nothing is due. For hosts that schedule work themselves, and for tests. Throws database errors. */
  async runOnce(): Promise<void> {
    if (this.stopped) await this.stopped;
    await this.revealSweep.continueDue();
    await this.sweep.continueStopped();
    await this.endedHolds.release();
    await this.collectionRecords.run();
    const round = Symbol('round');
    this.rounds.add(round);
    this.runLoops();
    try {
      this.completer.flush(true);
      this.claimer.poll();
      await this.untilIdle();
    } finally {
      this.rounds.delete(round);
      if (this.state === 'running' && !this.isStarted && this.rounds.size === 0) this.endLoops('stopped');
    }
    await this.reports.save({ isLast: true });
  }

  /** Claims nothing more, aborts fetches, writes their results as far as they are complete, and releases all other tokens. */
  stop(): Promise<void> {
    this.isStarted = false;
    if (this.state === 'running') {
      this.stopped = this.stopInOrder().finally(() => {
        this.state = 'stopped';
        this.stopped = undefined;
        if (this.isStarted) this.workUntilStop();
      });
    }
    return this.stopped ?? Promise.resolve();
  }

  /** Before the HTTP server waits for its last requests, so that other workers need not wait for the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private workUntilStop(): void {
    this.runLoops();
    this.listener.listen((isInteractive) => this.onNotify(isInteractive));
    this.reports.start();
    this.wake();
  }

  private runLoops(): void {
    if (this.state === 'running') return;
    this.state = 'running';
    this.loops = new AbortController();
    if (this.fetches.signal.aborted) this.fetches = new AbortController();
    const [loops, fetches] = [this.loops.signal, this.fetches.signal];
    // A loop of the run before may still wait for the database.
    this.loopsEnded = this.loopsEnded.then(() =>
      Promise.all([this.claimer.run(loops), this.fetcher.run(loops, fetches), this.hostMembership.run(loops)]),
    );
  }

  private endLoops(state: 'stopped' | 'stopping'): void {
    this.state = state;
    clearTimeout(this.wakeTimer);
    this.wakeTimer = undefined;
    this.loops.abort();
  }

  private async stopInOrder(): Promise<void> {
    this.rounds.clear();
    this.endLoops('stopping');
    const claimed = [...this.buffer.dropAll(), ...this.fetcher.tokens];
    this.fetches.abort();
    await this.listener.stop();
    this.releaser.release(claimed);
    await this.hostMembership.leave();
    this.completer.flush(true);
    // A database error is logged, and ends the wait: nothing more can be written.
    await this.untilIdle().catch(() => {});
    this.completer.stop();
    await this.reports.stop();
  }

  // What wakes which loop

  /** A refresh was accepted. During the database back-off it is found by a later poll. */
  private onNotify(isInteractive: boolean): void {
    if (this.database.backoffMs > 0) return;
    if (isInteractive) this.bulkPause.request();
    if (isInteractive && (this.claimer.isClaiming || this.hasTokens)) this.claimer.pollInteractive();
    else this.claimer.poll();
  }

  private onClaimed(): void {
    this.hostMembership.wake();
    this.fetcher.wake();
  }

  private onWritten(): void {
    this.claimer.onWritten({ isIdle: !this.hasTokens });
    this.fetcher.wake();
    this.completer.flush();
    this.notifyIdle();
  }

  private onDatabaseError(error: unknown): void {
    // Do not claim again before the wake-up after the back-off.
    this.claimer.cancelPolls();
    for (const { reject } of this.idleWaiters.splice(0)) reject(error);
  }

  private wakeLater(milliseconds: number): void {
    this.wakeTimer ??= setTimeout(() => {
      this.wakeTimer = undefined;
      this.wake();
    }, milliseconds);
  }

  // Idle state

  /** Whether tokens are buffered or in flight. */
  private get hasTokens(): boolean {
    return this.buffer.count + this.fetcher.count > 0;
  }

  private get isIdle(): boolean {
    const { claimer, hostMembership, releaser, cooldowns, completer } = this;
    if (this.hasTokens || claimer.isClaiming || !completer.isIdle) return false;
    return hostMembership.isIdle && releaser.isIdle && cooldowns.isIdle;
  }

  /** Called when any part has finished something. */
  private notifyIdle(): void {
    if (this.idleWaiters.length === 0 || !this.isIdle) return;
    if (this.state === 'running' && this.claimer.isClaimWanted) return this.claimer.wake();
    for (const { resolve } of this.idleWaiters.splice(0)) resolve();
  }

  /** Throws the next database error. */
  private untilIdle(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.idleWaiters.push({ resolve, reject });
      this.notifyIdle();
    });
  }
}
