import type { FetchOutcome, MetadataFetcher } from '@app/metadata-fetch';
import { ModuleLogger } from '@app/logging';
import type { AttemptCounts } from '../metrics/attempt-counts.js';
import type { ClaimedToken } from '../queue/claimed-token.js';
import { toItemResults, workerLost, type ItemResult } from '../completion/item-result.js';
import { toTokenError } from '../completion/token-error.js';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { cooldownSeconds } from '../completion/retry-policy.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { HostSignal } from './aimd-limiter.js';
import type { DatabaseErrors } from './database-errors.js';
import { FetchSpan } from './fetch-span.js';
import type { BufferedToken, Host } from './host.js';
import type { HostLimits } from './host-limits.js';
import type { RecentCooldowns } from './recent-cooldowns.js';
import type { BatchCompleter } from './batch-completer.js';
import type { TokenBuffer } from './token-buffer.js';
import type { TokenReleaser } from './token-releaser.js';
import { WakeSignal } from './wake-signal.js';
import type { WorkerReports } from './worker-reports.js';

interface Parts {
  fetcher: Pick<MetadataFetcher, 'fetch'>;
  buffer: TokenBuffer;
  limits: HostLimits;
  cooldowns: RecentCooldowns;
  completer: Pick<BatchCompleter, 'add' | 'pauseMs' | 'isBackpressured' | 'isInteractiveBackpressured'>;
  releaser: Pick<TokenReleaser, 'release'>;
  database: DatabaseErrors;
  counts: AttemptCounts;
  reports: Pick<WorkerReports, 'record'>;
  metrics: WorkerMetrics;
  config: MetadataRefreshConfig;
}

/** Why a token has no outcome. */
type Abandoned = 'worker lost' | 'aborted' | 'threw';

/** What the fetcher tells the rest of the worker. */
interface Worker {
  /** A token of this host is no longer in flight. */
  onFetched(host: Host, now: number): void;
  /** No token can start, and no running fetch will change that: a host is in cooldown, or its shares change. */
  onStalled(): void;
}

/**
 * The second loop: starts a fetch for each token in the buffer that may start, and hands the results to the completer. It stops
 * for a full completer, for the database back-off and, except for interactive requests, for pauses of bulk work.
 */
export class Fetcher {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly wakeSignal = new WakeSignal();
  private readonly inFlight = new Set<BufferedToken>();
  private interactive = 0;

  constructor(
    private readonly parts: Parts,
    private readonly worker: Worker,
  ) {}

  async run(signal: AbortSignal, fetches: AbortSignal): Promise<void> {
    this.wakeSignal.wakeOnAbort(signal);
    while (!signal.aborted) {
      const backoffMs = this.parts.database.backoffMs;
      if (backoffMs > 0) {
        await this.wakeSignal.wait(backoffMs);
        continue;
      }
      const now = performance.now();
      this.parts.limits.discardExpiredShares(now);
      const pauseMs = this.parts.completer.pauseMs(now);
      for (let next = this.takeNext(now, pauseMs > 0); next; next = this.takeNext(now, pauseMs > 0)) {
        void this.fetch(next, now, fetches);
      }
      if (pauseMs === 0 && this.inFlight.size === 0 && this.parts.buffer.count > 0) this.worker.onStalled();
      await this.wakeSignal.wait(pauseMs > 0 ? pauseMs : undefined);
    }
  }

  /** A token may start that could not start before. */
  wake(): void {
    this.wakeSignal.wake();
  }

  /** Tokens in flight. */
  get count(): number {
    return this.inFlight.size;
  }

  /** Tokens of interactive requests in flight. */
  get interactiveCount(): number {
    return this.interactive;
  }

  get tokens(): ClaimedToken[] {
    return Array.from(this.inFlight, ({ token }) => token);
  }

  private takeNext(now: number, isPaused: boolean): BufferedToken | null {
    const { buffer, completer } = this.parts;
    if (completer.isInteractiveBackpressured) return null;
    return buffer.take(now, { onlyInteractive: isPaused || completer.isBackpressured });
  }

  /** Never throws. `signal` is aborted when the worker stops. */
  private async fetch(buffered: BufferedToken, startedAt: number, signal: AbortSignal): Promise<void> {
    const { token, host } = buffered;
    this.inFlight.add(buffered);
    if (token.priority === 0) this.interactive += 1;
    const span = FetchSpan.start(token);
    let outcome: FetchOutcome | Abandoned;
    try {
      if (this.isLost(token)) outcome = 'worker lost';
      else if (span) outcome = await span.run(() => this.parts.fetcher.fetch(token, signal));
      else outcome = await this.parts.fetcher.fetch(token, signal);
    } catch (error) {
      // A bug of ours, not a failure of the host: the lease expires and the token is retried, at most maxLostClaims times.
      const { collectionId, tokenId } = token;
      this.logger.error({ msg: 'fetch threw an error', collectionId, tokenId, error: String(error) });
      outcome = 'threw';
    }
    this.inFlight.delete(buffered);
    if (token.priority === 0) this.interactive -= 1;
    const endedAt = performance.now();
    // The token was released, and the outcome says nothing about the host.
    if (signal.aborted) outcome = 'aborted';
    span?.end(outcome);
    this.handleOutcome(buffered, outcome, { startedAt, endedAt });
    this.wakeSignal.wake();
    this.worker.onFetched(host, endedAt);
  }

  /** Whether too many workers have died while they had claimed the token. */
  private isLost({ items }: ClaimedToken): boolean {
    const { maxLostClaims } = this.parts.config;
    return items.every(({ lostCount }) => lostCount >= maxLostClaims);
  }

  private handleOutcome(
    { token, host }: BufferedToken,
    outcome: FetchOutcome | Abandoned,
    times: { startedAt: number; endedAt: number },
  ): void {
    const { limits, completer, reports, config } = this.parts;
    if (typeof outcome === 'string') {
      limits.release(host);
      if (outcome === 'worker lost') completer.add(token, workerLost(token));
      return;
    }
    limits.release(host, { signal: signalOf(outcome), ...times });
    reports.record(host.name, outcome);
    const results = toItemResults(token, outcome, config);
    this.recordAttempt(results);
    this.startCooldown(token, host, outcome);
    completer.add(token, results);
  }

  /** Starts a cooldown of the host for all workers, if the outcome asks for one. */
  private startCooldown(token: ClaimedToken, host: Host, outcome: FetchOutcome): void {
    if (outcome.kind === 'fetched' || outcome.kind === 'not_modified') return;
    const { buffer, cooldowns, releaser, metrics, config } = this.parts;
    const attempts = Math.min(...token.items.map(({ attemptCount }) => attemptCount)) + 1;
    const seconds = cooldownSeconds(outcome, attempts, config);
    if (seconds === null) return;
    metrics.recordCooldown(host.name);
    const buffered = buffer.dropHost(host);
    // First the cooldown, then the items: the next claim has to see it.
    void cooldowns.start(host.name, seconds, toTokenError(outcome).reason).then(() => releaser.release(buffered));
  }

  private recordAttempt([leading]: readonly ItemResult[]): void {
    if (!leading) return;
    const { item, token, requests, status } = leading;
    this.parts.counts.count(token.host, requests);
    const last = requests.at(-1);
    if (status === 'succeeded' || !last) return;
    this.logger.debug({
      msg: status === 'retry' ? 'attempt failed; the token will be retried' : 'attempt failed',
      refreshId: item.refreshId,
      tokenId: token.tokenId,
      attempt: item.attemptCount + 1,
      url: last.url,
      reason: last.reason,
      durationMs: last.durationMs,
    });
  }
}

/** What an outcome says about the load of its host. */
export function signalOf(outcome: FetchOutcome): HostSignal {
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
