import { describeDatabaseError } from '@app/database';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { TokenStore } from '@app/token-store';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AttemptCounts } from './attempt-counts.js';
import { BulkPause } from './bulk-pause.js';
import { withStored, type ClaimedToken } from './claimed-token.js';
import { HostScheduler, type HostRoom } from './host-scheduler.js';
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

/** How often this worker says which hosts it is asking. */
const HEARTBEAT_INTERVAL_MS = 1000;
/** While it is at work: what comes due by itself, such as a retry, may wait for so long. Idle, it looks when it is told to. */
const POLL_INTERVAL_MS = 1000;
/** What may be begun only later, because its host rests or is shared out anew, is looked at so often. */
const RETRY_START_MS = 250;
/** Nothing further is claimed above this; hosts have bounds of their own, far below it. */
const MAX_BUFFERED = 4096;
/** The same for interactive requests, which are claimed beside it. */
const MOST_INTERACTIVE_READY = 1024;
/** So that the database is not idle while the next batch is put together, nor this process while one is written. */
const MAX_CONCURRENT_BATCHES = 2;
/** Beside interactive refreshes, what one claim or one batch of all others has at most: a statement cannot be paused. */
const BATCH_BESIDE_INTERACTIVE = 128;
/** How long results of an interactive request wait for others of its kind, in milliseconds. */
const INTERACTIVE_DELAY_MS = 20;

/** What the database can refuse, as it is logged. */
const CLAIMING = 'due items could not be claimed';
const SHARING = 'hosts could not be shared out';
const WRITING = 'results could not be written';

/**
 * Three loops that never wait for each other: claim tokens ahead of need, fetch them, write the results in batches.
 * Interactive requests have a claim and a writer of their own and wait for no bulk work, which pauses for them (`BulkPause`).
 * Each is woken by the others. A claim that finds nothing sleeps until results are written, a refresh is accepted or
 * `wake` is called.
 * Items of a worker that dies come due again when their lease runs out; `stop` hands them back at once.
 */
@Injectable()
export class RefreshWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataRefresh');
  private started = false;
  /** Calls of `runOnce` that are under way. */
  private readonly rounds = new Set<symbol>();
  private stopping: Promise<void> | undefined;
  private readonly hosts: HostScheduler;
  private readonly rests: HostCooldowns;
  private readonly fetching = new Set<ClaimedToken>();
  /** Batches of interactive requests are written beside all others: they do not wait for any of them. */
  private readonly writers: { interactive: BatchCompleter; others: BatchCompleter };
  /** When the claims were begun that are under way: one for whatever is due, one for interactive requests alone. */
  private readonly claims = new Map<'any' | 'interactive', number>();
  private isHeartbeatPending = false;
  private heartbeatAt = -Infinity;
  private releasing = 0;
  /** There may be something for hosts that are new, or for somebody who looks at a page, however much is held. */
  private pollRequested = false;
  private interactivePollRequested = false;
  /** Two claims pass over each other's lanes: when the interactive one is over, there may be something in its lanes. */
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
    private readonly wakeUp: RefreshListener,
    private readonly bulkPause: BulkPause,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {
    this.hosts = new HostScheduler(config.fetchConcurrency);
    this.rests = new HostCooldowns(
      (host, seconds) => queue.setCooldown(host, seconds),
      (error) => this.logger.warn({ msg: 'a rest could not be noted', error: String(error) }),
    );
    const { completeBatchSize, completeLingerMs } = config;
    const callbacks = {
      write: (batch: readonly ItemResult[]) => completion.complete(batch),
      restMs: () => (this.running ? this.backoff.remainingMs() : 0),
      onWritten: () => this.continueAfterWriting(),
      onError: (error: unknown) => this.onDatabaseError(WRITING, error),
    };
    this.writers = {
      interactive: new BatchCompleter(
        { completeLingerMs: Math.min(completeLingerMs, INTERACTIVE_DELAY_MS) },
        {
          ...callbacks,
          limits: () => ({ batchSize: completeBatchSize, batchesAtOnce: 1 }),
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
            batchesAtOnce: bulkPause.isRecent() ? 1 : MAX_CONCURRENT_BATCHES,
          }),
          isLast: () => this.fetching.size === 0 && this.hosts.readyCount === 0,
          restMs: () => Math.max(callbacks.restMs(), this.pauseMs()),
        },
      ),
    };
  }

  /** Work until `stop`. */
  start(): void {
    if (this.started) return;
    this.beginToRun();
    this.started = true;
    this.wakeUp.listen((isInteractive) => this.onNotify(isInteractive));
    this.wake();
  }

  /**
   * Look for due items: now if the worker has nothing to do, else once a second. The safety net behind the notification,
   * and what finds retries: call it every second or so.
   */
  wake(): void {
    if (!this.running) return;
    if (this.backoff.remainingMs() > 0) return this.wakeLater(this.backoff.remainingMs());
    this.wakeUp.keepListening();
    this.releaseLate();
    if (this.hosts.isIdle || performance.now() - this.polledAt >= POLL_INTERVAL_MS) this.poll();
    this.startFetches();
    this.flush();
  }

  /** Work until nothing is due. For hosts that schedule work themselves, and for tests. Throws what the database throws. */
  async runOnce(): Promise<void> {
    const round = Symbol('round');
    this.beginToRun();
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

  /** Take nothing new, break off what is being fetched, write what is fetched, and hand the rest back. */
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
    const held = [...this.hosts.dropReady(), ...this.fetching];
    this.shutdown.abort();
    await this.wakeUp.stop();
    this.release(held);
    await this.membership
      .leave()
      .catch((error: unknown) => this.logger.warn({ msg: 'shares of hosts will run out', error: String(error) }));
    this.hosts.forgetShares();
    await this.quiet();
    for (const writer of Object.values(this.writers)) writer.stop();
  }

  /** Before the HTTP server waits for its last requests: nobody else should wait for the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private get running(): boolean {
    return this.started || this.rounds.size > 0;
  }

  private beginToRun(): void {
    if (!this.running) this.shutdown = new AbortController();
  }

  // Claiming

  /** A refresh was accepted. While the database is left alone it is found afterwards. */
  private onNotify(isInteractive: boolean): void {
    if (this.backoff.remainingMs() > 0) return;
    if (isInteractive) this.bulkPause.request();
    if (isInteractive && (this.claims.size > 0 || !this.hosts.isIdle)) return this.pollInteractive();
    this.poll();
  }

  /** Something may have come, or come due. */
  private poll(): void {
    this.pollRequested = true;
    this.hosts.forgetNothingDue();
    this.claim();
  }

  /** An interactive refresh was accepted: a claim that is under way, or enough of all others, shall not hold it up. */
  private pollInteractive(): void {
    this.interactivePollRequested = true;
    this.claimInteractive();
  }

  private claim(): void {
    const isFull = this.hosts.readyCount >= MAX_BUFFERED || this.writers.others.isBackpressured;
    const now = performance.now();
    if (!this.running || this.claims.has('any') || isFull || !this.mayFindMore(now)) return;
    if (this.pauseMs() > 0) return this.continueAfterPause();
    const rooms = this.hosts.demand(now);
    if (this.pollRequested) this.polledAt = now;
    this.pollRequested = false;
    this.pollAgain ||= this.claims.has('interactive');
    this.beginClaim('any', rooms, ({ mayHaveLeftLanes, fullHosts }) => {
      this.pollRequested ||= mayHaveLeftLanes;
      if (!this.pollRequested) this.hosts.noteNothingDue(rooms, fullHosts);
    });
  }

  private claimInteractive(): void {
    const isFull = this.hosts.interactiveCount >= MOST_INTERACTIVE_READY || this.writers.interactive.isBackpressured;
    const isNeeded = this.interactivePollRequested && !this.claims.has('interactive');
    if (!this.running || !isNeeded || isFull) return;
    this.interactivePollRequested = false;
    this.pollRequested ||= this.claims.has('any');
    this.beginClaim(
      'interactive',
      this.hosts.interactiveRooms(performance.now()),
      ({ mayHaveLeftLanes, fullHosts }) => {
        this.pollRequested ||= mayHaveLeftLanes || fullHosts.size > 0 || this.pollAgain;
        this.pollAgain = false;
      },
    );
  }

  private beginClaim(kind: 'any' | 'interactive', rooms: readonly HostRoom[], note: (claim: Claim) => void): void {
    const startedAt = performance.now();
    this.claims.set(kind, startedAt);
    this.claimTokens(rooms, kind === 'interactive').then(
      (claim) => {
        this.claims.delete(kind);
        if (!this.running) return this.release(claim.tokens);
        const [tokens, resting] = this.rests.sortOut(claim.tokens, startedAt, Math.min(...this.claims.values()));
        this.hosts.add(tokens, performance.now());
        this.prepare(tokens);
        note(claim);
        this.onDatabaseSuccess(CLAIMING);
        this.release(resting);
        this.startFetches();
        this.claimInteractive();
        this.claim();
        this.notifyIdle();
      },
      (error: unknown) => {
        this.claims.delete(kind);
        this.onDatabaseError(CLAIMING, error);
      },
    );
  }

  private mayFindMore(now: number): boolean {
    return this.pollRequested || this.hosts.hasRoom(now);
  }

  private prepare(tokens: readonly ClaimedToken[]): void {
    try {
      this.fetcher.prepare(tokens);
    } catch (error) {
      // A host's MetadataSource. Each token is located again when it is fetched.
      this.logger.error({ msg: 'token URIs could not be asked for ahead', error: String(error) });
    }
  }

  /** With what is known of their documents, so that the hosts can say "not modified". */
  private async claimTokens(rooms: readonly HostRoom[], onlyInteractive: boolean): Promise<Claim> {
    const { claimBatchSize } = this.config;
    const claim = await this.queue.claim(rooms, {
      onlyInteractive,
      limit: onlyInteractive ? claimBatchSize : this.bulkBatch(claimBatchSize),
    });
    const { tokens } = claim;
    if (tokens.length === 0) return claim;
    const stored = await this.tokens.findValidators(tokens).catch((error: unknown) => {
      this.logger.warn({ msg: 'validators could not be read; documents are fetched whole', error: String(error) });
      return null;
    });
    // What nobody could look up may be a document, which a picture must not replace.
    if (!stored) return { ...claim, tokens: tokens.map((token) => ({ ...token, hasDocument: true })) };
    const known = new Map(stored.map((answer) => [`${answer.collectionId}/${answer.tokenId}`, answer]));
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
        this.logger.warn({ msg: 'items were not handed back; their lease will run out', error: String(error) }),
      )
      .finally(() => {
        this.releasing -= 1;
        this.notifyIdle();
      });
  }

  /** What has been ready for a third of its lease, or will not be begun soon: its host has become slower. */
  private releaseLate(): void {
    const now = performance.now();
    const late = this.hosts.dropOlderThan(now - (this.config.leaseSeconds * 1000) / 3);
    this.release([...late, ...this.hosts.trimPrefetch()]);
  }

  // Sharing hosts with other workers

  /** Every second, and before a host is asked that was not asked so far. Who was silent for too long knows no share. */
  private sendHeartbeat(): void {
    const now = performance.now();
    if (now - this.heartbeatAt > 2 * HEARTBEAT_INTERVAL_MS) this.hosts.forgetShares();
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
          this.onDatabaseSuccess(SHARING);
          for (const { host, share, restSeconds } of states) {
            this.hosts.setShare(host, share);
            if (restSeconds > 0) this.release(this.hosts.dropHost(host));
            else if (share === 0) this.release(this.hosts.yieldHost(host, performance.now()));
          }
          this.startFetches();
          this.notifyIdle();
        },
        (error: unknown) => {
          this.isHeartbeatPending = false;
          this.onDatabaseError(SHARING, error);
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
      if (!token) return isPaused ? this.continueAfterPause() : this.tryAgain();
      this.fetching.add(token);
      void this.fetch(token);
    }
  }

  /** Nothing that is under way would bring us back to tokens whose host rests or is shared out anew. */
  private tryAgain(): void {
    if (this.hosts.readyCount === 0 || this.fetching.size > 0) return;
    this.wakeLater(RETRY_START_MS);
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
    // Broken off by stop(): the items were handed back, and this outcome says nothing about the host.
    if (signal.aborted) {
      this.hosts.finish(token);
    } else {
      this.settle(token, outcome, startedAt);
    }
    if (this.running && this.backoff.remainingMs() === 0) {
      this.startFetches();
      this.claim();
    }
    this.notifyIdle();
  }

  private async attempt(token: ClaimedToken, signal: AbortSignal): Promise<FetchOutcome | 'lost too often' | 'threw'> {
    if (
      token.items.every((item) => item.claimCount - item.attemptCount - item.releaseCount > this.config.maxLostClaims)
    ) {
      return 'lost too often';
    }
    try {
      return await this.fetcher.fetch(token, signal);
    } catch (error) {
      // A bug of ours, not the host's doing: the lease runs out and the item is tried again, maxLostClaims times at most.
      this.logger.error({
        msg: 'a fetch threw',
        collectionId: token.collectionId,
        tokenId: token.tokenId,
        error: String(error),
      });
      return 'threw';
    }
  }

  private settle(token: ClaimedToken, outcome: FetchOutcome | 'lost too often' | 'threw', startedAt: number): void {
    if (outcome === 'threw') return this.hosts.finish(token);
    if (outcome === 'lost too often') {
      this.hosts.finish(token);
      return this.write(token, workerLost(token));
    }
    this.hosts.finish(token, { signal: signalOf(outcome), startedAt, endedAt: performance.now() });
    const results = toItemResults(token, outcome, this.config);
    this.note(results);
    this.startCooldown(token, outcome);
    this.write(token, results);
  }

  private write(token: ClaimedToken, results: readonly ItemResult[]): void {
    this.writers[isInteractive(token) ? 'interactive' : 'others'].add(results);
  }

  private flush(isDue = false): void {
    for (const writer of Object.values(this.writers)) writer.flush(isDue);
  }

  /** The host says "not now": everybody leaves it alone for a while. */
  private startCooldown(token: ClaimedToken, outcome: FetchOutcome): void {
    const attempts = Math.min(...token.items.map(({ attemptCount }) => attemptCount)) + 1;
    const seconds = cooldownSeconds(outcome, attempts, this.config);
    if (seconds === null) return;
    const ready = this.hosts.dropHost(token.host);
    // First the rest, then the items: whoever claims next has to know of it.
    void this.rests.note(token.host, seconds).then(() => this.release(ready));
  }

  private note([leading]: readonly ItemResult[]): void {
    if (!leading) return;
    const { item, token, requests, status } = leading;
    for (const { outcome, reason } of requests) this.counts.count(outcome, reason);
    const last = requests.at(-1);
    if (status === 'succeeded' || !last) return;
    this.logger.debug({
      msg: status === 'retry' ? 'an attempt failed; it is tried again' : 'an attempt failed',
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
    this.onDatabaseSuccess(WRITING);
    // Items that came while these tokens were being fetched can be claimed now, also if a claim that is under way has
    // passed them over.
    this.hosts.forgetNothingDue();
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

  private bulkBatch(most: number): number {
    return this.bulkPause.isRecent() ? Math.min(most, BATCH_BESIDE_INTERACTIVE) : most;
  }

  /** While the hosts set the pace, the process has time for both. In milliseconds. */
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

  // Rest

  private onDatabaseError(msg: string, error: unknown): void {
    if (this.backoff.recordFailure(msg)) {
      this.logger.error({ msg, error: describeDatabaseError(error) });
    }
    // As far as is known: whoever wakes the worker after its rest makes it look again.
    this.pollRequested = this.interactivePollRequested = false;
    this.hosts.noteNothingDue(this.hosts.demand(performance.now()));
    for (const listener of this.idleListeners.splice(0)) listener(error);
  }

  private onDatabaseSuccess(msg: string): void {
    if (this.backoff.recordSuccess(msg)) this.logger.log({ msg: 'the database answers again' });
  }

  private isQuiet(): boolean {
    const isBusy = this.claims.size > 0 || this.isHeartbeatPending || this.releasing > 0 || this.rests.isBusy;
    const isWritten = Object.values(this.writers).every(({ isIdle }) => isIdle);
    return !isBusy && isWritten && this.hosts.readyCount + this.fetching.size === 0;
  }

  private notifyIdle(): void {
    if (!this.isQuiet()) return;
    this.claim();
    if (this.claims.size > 0) return;
    for (const listener of this.idleListeners.splice(0)) listener();
  }

  private quiet(): Promise<void> {
    if (this.isQuiet()) return Promise.resolve();
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
      return outcome.status === 429 || outcome.status === 503 ? 'throttled' : 'answered';
    case 'no_token':
      return 'failed';
    default:
      return 'answered';
  }
}
