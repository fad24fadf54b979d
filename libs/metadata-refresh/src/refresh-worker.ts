import { describeDatabaseError } from '@app/database';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { TokenStore } from '@app/token-store';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AttemptCounts } from './attempt-counts.js';
import { withStored, type ClaimedToken } from './claimed-token.js';
import { HostQueues, type HostRoom } from './host-queues.js';
import { HostRests } from './host-rests.js';
import { HostShares } from './host-shares.js';
import type { HostSignal } from './host-window.js';
import { toItemResults, workerLost, type ItemResult } from './item-result.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { RefreshCompletion } from './refresh-completion.js';
import { RefreshQueue, type Claim } from './refresh-queue.js';
import { ResultWriter } from './result-writer.js';
import { hostRestSeconds } from './retry-policy.js';
import { Setback } from './setback.js';
import { WakeUp } from './wake-up.js';

/** How often this worker says which hosts it is asking. */
const ANNOUNCE_EVERY_MS = 1000;
/** While it is at work: what comes due by itself, such as a retry, may wait for so long. Idle, it looks when it is told to. */
const LOOK_AT_WORK_EVERY_MS = 1000;
/** What may be begun only later, because its host rests or is shared out anew, is looked at so often. */
const TRY_AGAIN_MS = 250;
/** Nothing further is claimed above this; hosts have bounds of their own, far below it. */
const MOST_READY = 4096;

/** What the database can refuse, as it is logged. */
const CLAIMING = 'due items could not be claimed';
const SHARING = 'hosts could not be shared out';
const WRITING = 'results could not be written';

/**
 * Three loops that never wait for each other: claim tokens ahead of need, fetch them, write the results in batches.
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
  private readonly hosts: HostQueues;
  private readonly rests: HostRests;
  private readonly fetching = new Set<ClaimedToken>();
  private readonly writer: ResultWriter;
  private claiming = false;
  private announcing = false;
  private announcedAt = -Infinity;
  private handingBack = 0;
  /** There may be something for hosts that are new, or for somebody who looks at a page, however much is held. */
  private mustLook = false;
  private lookedAt = -Infinity;
  private wakeTimer: NodeJS.Timeout | undefined;
  private readonly setback = new Setback();
  private shutdown = new AbortController();
  private quietListeners: ((error?: unknown) => void)[] = [];

  constructor(
    private readonly queue: RefreshQueue,
    completion: RefreshCompletion,
    private readonly shares: HostShares,
    private readonly fetcher: MetadataFetcher,
    private readonly tokens: TokenStore,
    private readonly counts: AttemptCounts,
    private readonly wakeUp: WakeUp,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {
    this.hosts = new HostQueues(config.fetchSlots);
    this.rests = new HostRests(
      (host, seconds) => queue.coolDown(host, seconds),
      (error) => this.logger.warn({ msg: 'a rest could not be noted', error: String(error) }),
    );
    this.writer = new ResultWriter(config, {
      write: (batch) => completion.complete(batch),
      isLast: () => this.fetching.size === 0 && this.hosts.readyCount === 0,
      restMs: () => (this.running ? this.setback.remainingMs() : 0),
      onWritten: () => this.continueAfterWriting(),
      onTrouble: (error) => this.trouble(WRITING, error),
    });
  }

  /** Work until `stop`. */
  start(): void {
    if (this.started) return;
    this.beginToRun();
    this.started = true;
    this.wakeUp.listen(() => this.hear());
    this.wake();
  }

  /**
   * Look for due items: now if the worker has nothing to do, else once a second. The safety net behind the notification,
   * and what finds retries: call it every second or so.
   */
  wake(): void {
    if (!this.running) return;
    if (this.setback.remainingMs() > 0) return this.wakeLater(this.setback.remainingMs());
    this.wakeUp.keepListening();
    this.handBackLate();
    if (this.hosts.isIdle || performance.now() - this.lookedAt >= LOOK_AT_WORK_EVERY_MS) this.look();
    this.startFetches();
    this.writer.flush();
  }

  /** Work until nothing is due. For hosts that schedule work themselves, and for tests. Throws what the database throws. */
  async runOnce(): Promise<void> {
    const round = Symbol('round');
    this.beginToRun();
    this.rounds.add(round);
    try {
      await new Promise<void>((done, fail) => {
        this.quietListeners.push((error) => (error === undefined ? done() : fail(error as Error)));
        this.writer.flush(true);
        this.look();
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
    this.wakeTimer = undefined;
    const held = [...this.hosts.dropReady(), ...this.fetching];
    this.shutdown.abort();
    await this.wakeUp.stop();
    this.handBack(held);
    await this.shares
      .leave()
      .catch((error: unknown) => this.logger.warn({ msg: 'shares of hosts will run out', error: String(error) }));
    this.hosts.forgetShares();
    await this.quiet();
    this.writer.stop();
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
  private hear(): void {
    if (this.setback.remainingMs() === 0) this.look();
  }

  /** Something may have come, or come due. */
  private look(): void {
    this.mustLook = true;
    this.hosts.forgetNothingDue();
    this.claim();
  }

  private claim(): void {
    const isFull = this.hosts.readyCount >= MOST_READY || this.writer.isHeavy;
    const startedAt = performance.now();
    if (!this.running || this.claiming || isFull || !this.mayFindMore(startedAt)) return;
    const rooms = this.hosts.rooms(startedAt);
    this.claiming = true;
    if (this.mustLook) this.lookedAt = startedAt;
    this.mustLook = false;
    this.claimTokens(rooms).then(
      (claim) => {
        this.claiming = false;
        if (!this.running) return this.handBack(claim.tokens);
        const [tokens, resting] = this.rests.sortOut(claim.tokens, startedAt);
        this.hosts.add(tokens, performance.now());
        this.prepare(tokens);
        this.mustLook ||= claim.mayHaveLeftLanes;
        if (!this.mustLook) this.hosts.noteNothingDue(rooms, claim.fullHosts);
        this.worked(CLAIMING);
        this.handBack(resting);
        this.startFetches();
        this.claim();
        this.noteQuiet();
      },
      (error: unknown) => {
        this.claiming = false;
        this.trouble(CLAIMING, error);
      },
    );
  }

  private mayFindMore(now: number): boolean {
    return this.mustLook || this.hosts.hasRoom(now);
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
  private async claimTokens(rooms: readonly HostRoom[]): Promise<Claim> {
    const claim = await this.queue.claim(rooms);
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

  private handBack(tokens: readonly ClaimedToken[]): void {
    if (tokens.length === 0) return this.noteQuiet();
    this.handingBack += 1;
    void this.queue
      .release(tokens)
      .catch((error: unknown) =>
        this.logger.warn({ msg: 'items were not handed back; their lease will run out', error: String(error) }),
      )
      .finally(() => {
        this.handingBack -= 1;
        this.noteQuiet();
      });
  }

  /** What has been ready for a third of its lease, or will not be begun soon: its host has become slower. */
  private handBackLate(): void {
    const now = performance.now();
    const late = this.hosts.dropOlderThan(now - (this.config.leaseSeconds * 1000) / 3);
    this.handBack([...late, ...this.hosts.dropSurplus()]);
  }

  // Sharing hosts with other workers

  /** Every second, and before a host is asked that was not asked so far. Who was silent for too long knows no share. */
  private announce(): void {
    const now = performance.now();
    if (now - this.announcedAt > 2 * ANNOUNCE_EVERY_MS) this.hosts.forgetShares();
    const isDue = now - this.announcedAt >= ANNOUNCE_EVERY_MS;
    if (this.announcing || (!isDue && this.hosts.unshared().length === 0)) return;
    const hosts = this.hosts.inUse();
    this.hosts.leaveUnused(now);
    if (hosts.length === 0) return;
    this.announcing = true;
    this.announcedAt = now;
    this.shares
      .announce(hosts, (host) => this.hosts.limitOf(host))
      .then(
        (states) => {
          this.announcing = false;
          this.worked(SHARING);
          for (const { host, share, restSeconds } of states) {
            this.hosts.setShare(host, share);
            if (restSeconds > 0) this.handBack(this.hosts.dropHost(host));
            else if (share === 0) this.handBack(this.hosts.leaveToOthers(host, performance.now()));
          }
          this.startFetches();
          this.noteQuiet();
        },
        (error: unknown) => {
          this.announcing = false;
          this.trouble(SHARING, error);
        },
      );
  }

  // Fetching

  private startFetches(): void {
    if (!this.running) return;
    this.announce();
    while (!this.writer.isHeavy) {
      const token = this.hosts.begin(performance.now());
      if (!token) return this.tryAgain();
      this.fetching.add(token);
      void this.fetch(token);
    }
  }

  /** Nothing that is under way would bring us back to tokens whose host rests or is shared out anew. */
  private tryAgain(): void {
    if (this.hosts.readyCount === 0 || this.fetching.size > 0) return;
    this.wakeLater(TRY_AGAIN_MS);
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
      this.hosts.end(token);
    } else {
      this.settle(token, outcome, startedAt);
    }
    if (this.running && this.setback.remainingMs() === 0) {
      this.startFetches();
      this.claim();
    }
    this.noteQuiet();
  }

  private async attempt(token: ClaimedToken, signal: AbortSignal): Promise<FetchOutcome | 'lost too often' | 'threw'> {
    if (token.items.every((item) => item.claimCount - item.attemptCount - item.releaseCount > this.config.maxClaims)) {
      return 'lost too often';
    }
    try {
      return await this.fetcher.fetch(token, signal);
    } catch (error) {
      // A bug of ours, not the host's doing: the lease runs out and the item is tried again, maxClaims times at most.
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
    if (outcome === 'threw') return this.hosts.end(token);
    if (outcome === 'lost too often') {
      this.hosts.end(token);
      return this.writer.add(workerLost(token));
    }
    this.hosts.end(token, { signal: signalOf(outcome), startedAt, endedAt: performance.now() });
    const results = toItemResults(token, outcome, this.config);
    this.note(results);
    this.restIfAsked(token, outcome);
    this.writer.add(results);
  }

  /** The host says "not now": everybody leaves it alone for a while. */
  private restIfAsked(token: ClaimedToken, outcome: FetchOutcome): void {
    const attempts = Math.min(...token.items.map(({ attemptCount }) => attemptCount)) + 1;
    const seconds = hostRestSeconds(outcome, attempts, this.config);
    if (seconds === null) return;
    const ready = this.hosts.dropHost(token.host);
    // First the rest, then the items: whoever claims next has to know of it.
    void this.rests.note(token.host, seconds).then(() => this.handBack(ready));
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

  private continueAfterWriting(): void {
    this.worked(WRITING);
    // Items that came while these tokens were being fetched can be claimed now, also if a claim that is under way has
    // passed them over.
    this.hosts.forgetNothingDue();
    this.mustLook ||= this.claiming || this.hosts.isIdle;
    if (this.running) {
      this.startFetches();
      this.claim();
    }
    this.noteQuiet();
  }

  // Rest

  private trouble(msg: string, error: unknown): void {
    if (this.setback.note(msg)) {
      this.logger.error({ msg, error: describeDatabaseError(error) });
    }
    // As far as is known: whoever wakes the worker after its rest makes it look again.
    this.mustLook = false;
    this.hosts.noteNothingDue(this.hosts.rooms(performance.now()));
    for (const listener of this.quietListeners.splice(0)) listener(error);
  }

  private worked(msg: string): void {
    if (this.setback.end(msg)) this.logger.log({ msg: 'the database answers again' });
  }

  private isQuiet(): boolean {
    const isBusy = this.claiming || this.announcing || this.handingBack > 0 || this.rests.isBusy;
    return !isBusy && this.writer.isIdle && this.hosts.readyCount + this.fetching.size === 0;
  }

  private noteQuiet(): void {
    if (!this.isQuiet()) return;
    this.claim();
    if (this.claiming) return;
    for (const listener of this.quietListeners.splice(0)) listener();
  }

  private quiet(): Promise<void> {
    if (this.isQuiet()) return Promise.resolve();
    this.writer.flush(true);
    return new Promise((done) => this.quietListeners.push(() => done()));
  }
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
