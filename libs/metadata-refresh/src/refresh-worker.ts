import { describeDatabaseError } from '@app/database';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { TokenStore } from '@app/token-store';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AttemptCounts } from './attempt-counts.js';
import { BulkPause } from './bulk-pause.js';
import { withStored, type ClaimedToken } from './claimed-token.js';
import { HostScheduler, type HostDemand } from './host-scheduler.js';
import { HostCooldowns } from './host-cooldowns.js';
import { HostMembership } from './host-membership.js';
import type { HostSignal } from './aimd-limiter.js';
import { toItemResults, workerLost, type ItemResult } from './item-result.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { RefreshCompletion } from './refresh-completion.js';
import { RefreshQueue, type Claim } from './refresh-queue.js';
import { BatchCompleter } from './batch-completer.js';
import { cooldownSeconds } from './retry-policy.js';
import { DatabaseBackoff } from './database-backoff.js';
import { RefreshListener } from './refresh-listener.js';

/** Interval of the heartbeat for the hosts that this worker uses. */
const HEARTBEAT_INTERVAL_MS = 1000;
/** A busy worker polls this often for items that are due by themselves, such as retries; an idle one at each `wake`. */
const POLL_INTERVAL_MS = 1000;
/** Interval of checks for tokens that cannot be started yet, because their host is in cooldown or its shares change. */
const START_RETRY_MS = 250;
/** Maximum of claimed tokens that are not started; hosts have bounds of their own, far below it. */
const MAX_BUFFERED = 4096;
/** The same for interactive requests, which are claimed separately. */
const MAX_INTERACTIVE_BUFFERED = 1024;
/** Two, so that the database is not idle while the next batch is assembled, nor this process while one is written. */
const MAX_CONCURRENT_BATCHES = 2;
/** Maximum of a bulk claim or batch while interactive refreshes are processed: a running statement cannot be paused. */
const MAX_BATCH_BESIDE_INTERACTIVE = 128;
/** How long results of interactive requests wait for a full batch, in milliseconds. */
const INTERACTIVE_LINGER_MS = 20;

/** The log messages of failed database operations. */
const CLAIM_FAILED = 'claim failed';
const HEARTBEAT_FAILED = 'host heartbeat failed';
const WRITE_FAILED = 'writing results failed';

/**
 * Three loops that never wait for each other: claim tokens ahead of need, fetch them, write the results in batches.
 * Interactive requests have a claim and a writer of their own and do not wait for bulk work, which pauses for them
 * (`BulkPause`). Each loop wakes the others. A claim that finds nothing sleeps until results are written, a refresh is
 * accepted or `wake` is called.
 * Items of a worker that dies are due again when their lease expires; `stop` releases them at once.
 */
@Injectable()
export class RefreshWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataRefresh');
  private started = false;
  /** Calls of `runOnce` that are running. */
  private readonly rounds = new Set<symbol>();
  private stopping: Promise<void> | undefined;
  private readonly hosts: HostScheduler;
  private readonly cooldowns: HostCooldowns;
  private readonly fetching = new Set<ClaimedToken>();
  /** Batches of interactive requests are written separately, so that they do not wait for others. */
  private readonly writers: { interactive: BatchCompleter; others: BatchCompleter };
  /** Start times of the running claims: one for all due items, one for interactive requests only. */
  private readonly claims = new Map<'any' | 'interactive', number>();
  private isHeartbeatPending = false;
  private heartbeatAt = -Infinity;
  private releasing = 0;
  /** There may be due items of new hosts or of interactive requests, however many tokens are buffered. */
  private pollRequested = false;
  private interactivePollRequested = false;
  /** Two claims skip each other's locked lanes: when the interactive one ends, its lanes may have due items. */
  private pollAgain = false;
  private polledAt = -Infinity;
  private wakeTimer: NodeJS.Timeout | undefined;
  private pauseTimer: NodeJS.Timeout | undefined;
  private readonly backoff = new DatabaseBackoff();
  private shutdown = new AbortController();
  private idleListeners: ((error?: unknown) => void)[] = [];

  constructor(
    private readonly queue: RefreshQueue,
    completion: RefreshCompletion,
    private readonly membership: HostMembership,
    private readonly fetcher: MetadataFetcher,
    private readonly tokens: TokenStore,
    private readonly counts: AttemptCounts,
    private readonly listener: RefreshListener,
    private readonly bulkPause: BulkPause,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {
    this.hosts = new HostScheduler(config.fetchConcurrency);
    this.cooldowns = new HostCooldowns(
      (host, seconds) => queue.setCooldown(host, seconds),
      (error) => this.logger.warn({ msg: 'cooldown not saved', error: String(error) }),
    );
    const { completeBatchSize, completeLingerMs } = config;
    const callbacks = {
      write: (batch: readonly ItemResult[]) => completion.complete(batch),
      backoffMs: () => (this.running ? this.backoff.remainingMs() : 0),
      onWritten: () => this.continueAfterWriting(),
      onError: (error: unknown) => this.onDatabaseError(WRITE_FAILED, error),
    };
    this.writers = {
      interactive: new BatchCompleter(
        { completeLingerMs: Math.min(completeLingerMs, INTERACTIVE_LINGER_MS) },
        {
          ...callbacks,
          limits: () => ({ batchSize: completeBatchSize, maxConcurrentBatches: 1 }),
          isLast: () => !this.hasInteractive(),
          onWritten: () => this.continueAfterInteractive(),
        },
      ),
      others: new BatchCompleter(
        { completeLingerMs },
        {
          ...callbacks,
          limits: () => ({
            batchSize: this.bulkBatch(completeBatchSize),
            maxConcurrentBatches: bulkPause.isRecent() ? 1 : MAX_CONCURRENT_BATCHES,
          }),
          isLast: () => this.fetching.size === 0 && this.hosts.bufferedCount === 0,
          backoffMs: () => Math.max(callbacks.backoffMs(), this.pauseMs()),
        },
      ),
    };
  }

  /** Works until `stop`. */
  start(): void {
    if (this.started) return;
    this.prepareToRun();
    this.started = true;
    this.listener.listen((isInteractive) => this.onNotify(isInteractive));
    this.wake();
  }

  /**
   * Polls for due items: immediately if the worker is idle, else once a second. This finds retries, and refreshes whose
   * notification was lost: call it about every second.
   */
  wake(): void {
    if (!this.running) return;
    if (this.backoff.remainingMs() > 0) return this.wakeLater(this.backoff.remainingMs());
    this.listener.keepListening();
    this.releaseLate();
    if (this.hosts.isIdle || performance.now() - this.polledAt >= POLL_INTERVAL_MS) this.poll();
    this.startFetches();
    this.flush();
  }

  /** Works until nothing is due. For hosts that schedule work themselves, and for tests. Throws database errors. */
  async runOnce(): Promise<void> {
    const round = Symbol('round');
    this.prepareToRun();
    this.rounds.add(round);
    try {
      await new Promise<void>((done, fail) => {
        this.idleListeners.push((error) => (error === undefined ? done() : fail(error as Error)));
        this.flush(true);
        this.poll();
      });
    } finally {
      this.rounds.delete(round);
    }
  }

  /** Claims nothing more, aborts fetches, writes their results as far as they are complete, and releases all other items. */
  stop(): Promise<void> {
    this.stopping ??= this.stopInOrder().finally(() => (this.stopping = undefined));
    return this.stopping;
  }

  private async stopInOrder(): Promise<void> {
    if (!this.running) return;
    this.started = false;
    this.rounds.clear();
    clearTimeout(this.wakeTimer);
    clearTimeout(this.pauseTimer);
    this.wakeTimer = this.pauseTimer = undefined;
    const held = [...this.hosts.dropBuffered(), ...this.fetching];
    this.shutdown.abort();
    await this.listener.stop();
    this.release(held);
    await this.membership
      .leave()
      .catch((error: unknown) => this.logger.warn({ msg: 'host leave failed', error: String(error) }));
    this.hosts.discardShares();
    await this.untilIdle();
    for (const writer of Object.values(this.writers)) writer.stop();
  }

  /** Before the HTTP server waits for its last requests, so that other workers need not wait for the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private get running(): boolean {
    return this.started || this.rounds.size > 0;
  }

  private prepareToRun(): void {
    if (!this.running) this.shutdown = new AbortController();
  }

  // Claiming

  /** A refresh was accepted. During the database back-off it is found by a later poll. */
  private onNotify(isInteractive: boolean): void {
    if (this.backoff.remainingMs() > 0) return;
    if (isInteractive) this.bulkPause.request();
    if (isInteractive && (this.claims.size > 0 || !this.hosts.isIdle)) return this.pollInteractive();
    this.poll();
  }

  /** There may be new or due items. */
  private poll(): void {
    this.pollRequested = true;
    this.hosts.clearNothingDue();
    this.claim();
  }

  /** An interactive refresh was accepted: neither a running claim nor a full buffer delays it. */
  private pollInteractive(): void {
    this.interactivePollRequested = true;
    this.claimInteractive();
  }

  private claim(): void {
    const isFull = this.hosts.bufferedCount >= MAX_BUFFERED || this.writers.others.isBackpressured;
    const now = performance.now();
    if (!this.running || this.claims.has('any') || isFull || !this.mayFindMore(now)) return;
    if (this.pauseMs() > 0) return this.continueAfterPause();
    const demand = this.hosts.demand(now);
    if (this.pollRequested) this.polledAt = now;
    this.pollRequested = false;
    this.pollAgain ||= this.claims.has('interactive');
    this.startClaim('any', demand, ({ mayHaveLeftLanes, fullHosts }) => {
      this.pollRequested ||= mayHaveLeftLanes;
      if (!this.pollRequested) this.hosts.markNothingDue(demand, fullHosts);
    });
  }

  private claimInteractive(): void {
    const isFull = this.hosts.interactiveCount >= MAX_INTERACTIVE_BUFFERED || this.writers.interactive.isBackpressured;
    const isNeeded = this.interactivePollRequested && !this.claims.has('interactive');
    if (!this.running || !isNeeded || isFull) return;
    this.interactivePollRequested = false;
    this.pollRequested ||= this.claims.has('any');
    this.startClaim(
      'interactive',
      this.hosts.interactiveDemand(performance.now()),
      ({ mayHaveLeftLanes, fullHosts }) => {
        this.pollRequested ||= mayHaveLeftLanes || fullHosts.size > 0 || this.pollAgain;
        this.pollAgain = false;
      },
    );
  }

  private startClaim(
    kind: 'any' | 'interactive',
    demand: readonly HostDemand[],
    onClaimed: (claim: Claim) => void,
  ): void {
    const startedAt = performance.now();
    this.claims.set(kind, startedAt);
    this.claimTokens(demand, kind === 'interactive').then(
      (claim) => {
        this.claims.delete(kind);
        if (!this.running) return this.release(claim.tokens);
        const [tokens, inCooldown] = this.cooldowns.partition(
          claim.tokens,
          startedAt,
          Math.min(...this.claims.values()),
        );
        this.hosts.add(tokens, performance.now());
        this.prepare(tokens);
        onClaimed(claim);
        this.onDatabaseSuccess(CLAIM_FAILED);
        this.release(inCooldown);
        this.startFetches();
        this.claimInteractive();
        this.claim();
        this.notifyIdle();
      },
      (error: unknown) => {
        this.claims.delete(kind);
        this.onDatabaseError(CLAIM_FAILED, error);
      },
    );
  }

  private mayFindMore(now: number): boolean {
    return this.pollRequested || this.hosts.wantsClaim(now);
  }

  private prepare(tokens: readonly ClaimedToken[]): void {
    try {
      this.fetcher.prepare(tokens);
    } catch (error) {
      // An error of a host's MetadataSource. Each token is located again when it is fetched.
      this.logger.error({ msg: 'token URI prefetch failed', error: String(error) });
    }
  }

  /** Adds what is stored of the tokens, so that hosts can respond with 304 Not Modified. */
  private async claimTokens(demand: readonly HostDemand[], onlyInteractive: boolean): Promise<Claim> {
    const { claimBatchSize } = this.config;
    const claim = await this.queue.claim(demand, {
      onlyInteractive,
      limit: onlyInteractive ? claimBatchSize : this.bulkBatch(claimBatchSize),
    });
    const { tokens } = claim;
    if (tokens.length === 0) return claim;
    const stored = await this.tokens.findStored(tokens).catch((error: unknown) => {
      this.logger.warn({ msg: 'stored state not loaded, documents are fetched in full', error: String(error) });
      return null;
    });
    // Unknown records may come from a document, which media must not replace.
    if (!stored) return { ...claim, tokens: tokens.map((token) => ({ ...token, hasDocument: true })) };
    const known = new Map(stored.map((entry) => [`${entry.collectionId}/${entry.tokenId}`, entry]));
    return {
      ...claim,
      tokens: tokens.map((token) => withStored(token, known.get(`${token.collectionId}/${token.tokenId}`))),
    };
  }

  private release(tokens: readonly ClaimedToken[]): void {
    if (tokens.length === 0) return this.notifyIdle();
    this.releasing += 1;
    void this.queue
      .release(tokens)
      .catch((error: unknown) =>
        this.logger.warn({ msg: 'item release failed, items are due when their lease expires', error: String(error) }),
      )
      .finally(() => {
        this.releasing -= 1;
        this.notifyIdle();
      });
  }

  /** Releases tokens that were buffered for a third of their lease, or will not start soon: their host has become slower. */
  private releaseLate(): void {
    const now = performance.now();
    const late = this.hosts.dropOlderThan(now - (this.config.leaseSeconds * 1000) / 3);
    this.release([...late, ...this.hosts.trimPrefetch()]);
  }

  // Sharing hosts with other workers

  /** Every second, and before the first request to a new host. After missed heartbeats, discards our shares. */
  private sendHeartbeat(): void {
    const now = performance.now();
    if (now - this.heartbeatAt > 2 * HEARTBEAT_INTERVAL_MS) this.hosts.discardShares();
    const isDue = now - this.heartbeatAt >= HEARTBEAT_INTERVAL_MS;
    if (this.isHeartbeatPending || (!isDue && this.hosts.unshared().length === 0)) return;
    const hosts = this.hosts.inUse();
    this.hosts.leaveUnused(now);
    if (hosts.length === 0) return;
    this.isHeartbeatPending = true;
    this.heartbeatAt = now;
    this.membership
      .heartbeat(hosts, (host) => this.hosts.limitOf(host))
      .then(
        (states) => {
          this.isHeartbeatPending = false;
          this.onDatabaseSuccess(HEARTBEAT_FAILED);
          for (const { host, share, cooldownSeconds: remaining } of states) {
            this.hosts.setShare(host, share);
            if (remaining > 0) this.release(this.hosts.dropHost(host));
            else if (share === 0) this.release(this.hosts.yieldHost(host, performance.now()));
          }
          this.startFetches();
          this.notifyIdle();
        },
        (error: unknown) => {
          this.isHeartbeatPending = false;
          this.onDatabaseError(HEARTBEAT_FAILED, error);
        },
      );
  }

  // Fetching

  private startFetches(): void {
    if (!this.running) return;
    this.sendHeartbeat();
    while (!this.writers.interactive.isBackpressured) {
      const isPaused = this.pauseMs() > 0;
      const token = this.hosts.start(performance.now(), {
        onlyInteractive: isPaused || this.writers.others.isBackpressured,
      });
      if (!token) return isPaused ? this.continueAfterPause() : this.retryStart();
      this.fetching.add(token);
      void this.fetch(token);
    }
  }

  /** When no running fetch will trigger it, tries again to start tokens whose host is in cooldown or whose shares change. */
  private retryStart(): void {
    if (this.hosts.bufferedCount === 0 || this.fetching.size > 0) return;
    this.wakeLater(START_RETRY_MS);
  }

  private wakeLater(milliseconds: number): void {
    this.wakeTimer ??= setTimeout(() => {
      this.wakeTimer = undefined;
      this.wake();
    }, milliseconds);
  }

  private async fetch(token: ClaimedToken): Promise<void> {
    const startedAt = performance.now();
    const { signal } = this.shutdown;
    const outcome = await this.attempt(token, signal);
    this.fetching.delete(token);
    // Aborted by stop(): the items were released, and the outcome says nothing about the host.
    if (signal.aborted) {
      this.hosts.finish(token);
    } else {
      this.handleOutcome(token, outcome, startedAt);
    }
    if (this.running && this.backoff.remainingMs() === 0) {
      this.startFetches();
      this.claim();
    }
    this.notifyIdle();
  }

  private async attempt(
    token: ClaimedToken,
    signal: AbortSignal,
  ): Promise<FetchOutcome | 'too many lost claims' | 'threw'> {
    if (
      token.items.every((item) => item.claimCount - item.attemptCount - item.releaseCount > this.config.maxLostClaims)
    ) {
      return 'too many lost claims';
    }
    try {
      return await this.fetcher.fetch(token, signal);
    } catch (error) {
      // A bug of ours, not a failure of the host: the lease expires and the item is retried, at most maxLostClaims times.
      this.logger.error({
        msg: 'fetch threw',
        collectionId: token.collectionId,
        tokenId: token.tokenId,
        error: String(error),
      });
      return 'threw';
    }
  }

  private handleOutcome(
    token: ClaimedToken,
    outcome: FetchOutcome | 'too many lost claims' | 'threw',
    startedAt: number,
  ): void {
    if (outcome === 'threw') return this.hosts.finish(token);
    if (outcome === 'too many lost claims') {
      this.hosts.finish(token);
      return this.write(token, workerLost(token));
    }
    this.hosts.finish(token, { signal: signalOf(outcome), startedAt, endedAt: performance.now() });
    const results = toItemResults(token, outcome, this.config);
    this.recordAttempt(results);
    this.startCooldown(token, outcome);
    this.write(token, results);
  }

  private write(token: ClaimedToken, results: readonly ItemResult[]): void {
    this.writers[isInteractive(token) ? 'interactive' : 'others'].add(results);
  }

  private flush(isDue = false): void {
    for (const writer of Object.values(this.writers)) writer.flush(isDue);
  }

  /** Starts a cooldown of the host for all workers, if the outcome asks for one. */
  private startCooldown(token: ClaimedToken, outcome: FetchOutcome): void {
    const attempts = Math.min(...token.items.map(({ attemptCount }) => attemptCount)) + 1;
    const seconds = cooldownSeconds(outcome, attempts, this.config);
    if (seconds === null) return;
    const buffered = this.hosts.dropHost(token.host);
    // First the cooldown, then the items: the next claim has to see it.
    void this.cooldowns.start(token.host, seconds).then(() => this.release(buffered));
  }

  private recordAttempt([leading]: readonly ItemResult[]): void {
    if (!leading) return;
    const { item, token, requests, status } = leading;
    for (const { outcome, reason } of requests) this.counts.count(outcome, reason);
    const last = requests.at(-1);
    if (status === 'succeeded' || !last) return;
    this.logger.debug({
      msg: status === 'retry' ? 'attempt failed, will be retried' : 'attempt failed',
      refreshId: item.refreshId,
      tokenId: token.tokenId,
      attempt: item.attemptCount + 1,
      url: last.url,
      reason: last.reason,
      durationMs: last.durationMs,
    });
  }

  private continueAfterInteractive(): void {
    if (!this.hasInteractive() && this.writers.interactive.isIdle) this.bulkPause.end();
    this.continueAfterWriting();
  }

  private continueAfterWriting(): void {
    this.onDatabaseSuccess(WRITE_FAILED);
    // Items that were accepted while these tokens were being fetched can be claimed now, also if a running claim has skipped
    // them.
    this.hosts.clearNothingDue();
    this.pollRequested ||= this.claims.size > 0 || this.hosts.isIdle;
    if (this.running) {
      this.startFetches();
      this.claimInteractive();
      this.claim();
      this.flush();
    }
    this.notifyIdle();
  }

  // Pauses of bulk work

  private hasInteractive(): boolean {
    return this.hosts.interactiveCount > 0 || [...this.fetching].some(isInteractive);
  }

  private bulkBatch(batchSize: number): number {
    return this.bulkPause.isRecent() ? Math.min(batchSize, MAX_BATCH_BESIDE_INTERACTIVE) : batchSize;
  }

  /** Pauses only while this process is the bottleneck: while it waits for hosts, it has time for both. In milliseconds. */
  private pauseMs(): number {
    const isBusy = !this.hosts.isIdle || !this.writers.others.isIdle;
    return this.running && isBusy && this.writers.others.isSaturated ? this.bulkPause.remainingMs() : 0;
  }

  private continueAfterPause(): void {
    this.pauseTimer ??= setTimeout(() => {
      this.pauseTimer = undefined;
      if (this.backoff.remainingMs() > 0) return this.wakeLater(this.backoff.remainingMs());
      this.startFetches();
      this.claim();
    }, this.pauseMs());
  }

  // Database back-off and idle state

  private onDatabaseError(msg: string, error: unknown): void {
    if (this.backoff.recordFailure(msg)) {
      this.logger.error({ msg, error: describeDatabaseError(error) });
    }
    // Do not claim again before the wake-up after the back-off.
    this.pollRequested = this.interactivePollRequested = false;
    this.hosts.markNothingDue(this.hosts.demand(performance.now()));
    for (const listener of this.idleListeners.splice(0)) listener(error);
  }

  private onDatabaseSuccess(msg: string): void {
    if (this.backoff.recordSuccess(msg)) this.logger.log({ msg: 'database available again' });
  }

  private isAtRest(): boolean {
    const isBusy = this.claims.size > 0 || this.isHeartbeatPending || this.releasing > 0 || this.cooldowns.isBusy;
    const isWritten = Object.values(this.writers).every(({ isIdle }) => isIdle);
    return !isBusy && isWritten && this.hosts.bufferedCount + this.fetching.size === 0;
  }

  private notifyIdle(): void {
    if (!this.isAtRest()) return;
    this.claim();
    if (this.claims.size > 0) return;
    for (const listener of this.idleListeners.splice(0)) listener();
  }

  private untilIdle(): Promise<void> {
    if (this.isAtRest()) return Promise.resolve();
    this.flush(true);
    return new Promise((done) => this.idleListeners.push(() => done()));
  }
}

function isInteractive({ priority }: ClaimedToken): boolean {
  return priority === 0;
}

function signalOf(outcome: FetchOutcome): HostSignal {
  switch (outcome.kind) {
    case 'unreachable':
      return outcome.reason === 'timeout' ? 'timed_out' : 'failed';
    case 'bad_status':
      return outcome.status === 429 || outcome.status === 503 ? 'throttled' : 'responded';
    case 'no_token':
      return 'failed';
    default:
      return 'responded';
  }
}
