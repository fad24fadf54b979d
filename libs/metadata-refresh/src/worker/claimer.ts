import { isDeepStrictEqual } from 'node:util';
import { describeDatabaseError } from '@app/database';
import type { MetadataFetcher } from '@app/metadata-fetch';
import type { TokenStore } from '@app/token-store';
import { ModuleLogger } from '@app/logging';
import { DEFERRAL_SECONDS } from '../queue/chunk-claim.js';
import { withStored, type ClaimedToken } from '../queue/claimed-token.js';
import type { HostDemand } from '../queue/host-demand.js';
import { toCoalescedResults, toKeptResults, type ItemResult } from '../completion/item-result.js';
import type { MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { Claim, RefreshQueue, RefreshSource } from '../queue/refresh-queue.js';
import type { WorkerMetrics } from '../metrics/worker-metrics.js';
import type { ClaimDemand } from './claim-demand.js';
import type { DatabaseErrors } from './database-errors.js';
import type { Host } from './host.js';
import type { RecentCooldowns } from './recent-cooldowns.js';
import type { BatchCompleter } from './batch-completer.js';
import type { TokenBuffer } from './token-buffer.js';
import type { TokenReleaser } from './token-releaser.js';
import { WakeSignal } from './wake-signal.js';

/** A busy worker polls this often for tokens that are due by themselves, such as retries; an idle one at each `wake`. */
const POLL_INTERVAL_MS = 1000;
/** A little later than by the clock of the database. */
const DEFERRAL_MS = DEFERRAL_SECONDS * 1000 + 50;
/** Maximum of claimed tokens that are not started; hosts have bounds of their own, far below it. */
const MAX_BUFFERED = 4096;
/** The same for interactive requests, which are claimed separately. */
const MAX_INTERACTIVE_BUFFERED = 1024;

interface Parts {
  queue: Pick<RefreshQueue, 'claim' | 'findSources'>;
  store: Pick<TokenStore, 'findStored'>;
  fetcher: Pick<MetadataFetcher, 'prepare'>;
  buffer: TokenBuffer;
  demand: ClaimDemand;
  cooldowns: RecentCooldowns;
  completer: Pick<BatchCompleter, 'add' | 'pauseMs' | 'limitBulk' | 'isBackpressured' | 'isInteractiveBackpressured'>;
  releaser: Pick<TokenReleaser, 'release'>;
  database: DatabaseErrors;
  metrics: WorkerMetrics;
  config: Pick<MetadataRefreshConfig, 'claimBatchSize' | 'leaseSeconds'>;
}

/** What the claimer tells the rest of the worker. */
interface Worker {
  /** There may be new tokens in the buffer. */
  onClaimed(): void;
  /** A claim has ended, also without tokens. */
  onEnd(): void;
}

/**
 * The first loop: claims tokens ahead of need and adds them to the buffer. It claims when a host has less than half of its
 * prefetch target, and when it is told to poll, because there may be due tokens of hosts that it does not know. A claim that
 * finds nothing is not repeated until results are written, a refresh is accepted or the worker polls.
 * A second loop claims interactive requests only, so that neither a running claim nor a full buffer delays them.
 */
export class Claimer {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly wakeSignal = new WakeSignal();
  private readonly interactiveWakeSignal = new WakeSignal();
  /** Start times of the running claims. */
  private readonly claims = new Map<'any' | 'interactive', number>();
  /** There may be due tokens of new hosts or of interactive requests, however many tokens are buffered. */
  private pollRequested = false;
  private interactivePollRequested = false;
  /** Two claims skip each other's locked lanes: when the interactive one ends, its lanes may have due tokens. */
  private pollAgain = false;
  private polledAt = -Infinity;
  /** Lanes with due tokens that no claim could take since the last one that took some: they are being stopped, or revealed. */
  private readonly idleLanes = new Set<number>();
  /** Until tokens that were in flight for another refresh are due again. */
  private deferral: NodeJS.Timeout | undefined;
  /** When tokens were deferred during that wait: they need another one. */
  private deferredAgainAt: number | undefined;

  constructor(
    private readonly parts: Parts,
    private readonly worker: Worker,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.claimAll(signal), this.claimInteractive(signal)]);
    } finally {
      clearTimeout(this.deferral);
      this.deferral = this.deferredAgainAt = undefined;
    }
  }

  private async claimAll(signal: AbortSignal): Promise<void> {
    this.wakeSignal.wakeOnAbort(signal);
    while (!signal.aborted) {
      const pauseMs = this.parts.completer.pauseMs();
      if (this.isFull || !this.isGeneralClaimWanted) await this.wakeSignal.wait();
      else if (pauseMs > 0) await this.wakeSignal.wait(pauseMs);
      else await this.claimOnce(signal);
    }
  }

  private async claimInteractive(signal: AbortSignal): Promise<void> {
    this.interactiveWakeSignal.wakeOnAbort(signal);
    while (!signal.aborted) {
      if (this.isInteractiveFull || !this.interactivePollRequested) await this.interactiveWakeSignal.wait();
      else await this.claimInteractiveOnce(signal);
    }
  }

  /** There may be new or due tokens. */
  poll(): void {
    this.pollRequested = true;
    this.parts.demand.clearNothingDue();
    this.wakeSignal.wake();
  }

  /** Polls, unless this worker is busy and has polled less than a second ago. */
  pollIfDue({ isBusy }: { isBusy: boolean }): void {
    if (!isBusy || performance.now() - this.polledAt >= POLL_INTERVAL_MS) this.poll();
    else this.wake();
  }

  /** A host may want tokens, or its claims may have been paused. */
  wake(): void {
    this.wakeSignal.wake();
    this.interactiveWakeSignal.wake();
  }

  /** An interactive refresh was accepted. */
  pollInteractive(): void {
    this.interactivePollRequested = true;
    this.interactiveWakeSignal.wake();
  }

  /** A fetch has ended: its host may have less than half of its prefetch target. */
  onFetched(host: Host, now: number): void {
    if (this.pollRequested || this.parts.demand.isWanted(host, now)) this.wakeSignal.wake();
  }

  /**
   * Results were written: the same tokens of refreshes that were accepted meanwhile can be claimed now, also if a running claim
   * has skipped them.
   */
  onWritten({ isIdle }: { isIdle: boolean }): void {
    this.parts.demand.clearNothingDue();
    this.pollRequested ||= this.isClaiming || isIdle;
    this.wake();
  }

  /** After a database error: claims nothing until the next poll. */
  cancelPolls(): void {
    this.pollRequested = this.interactivePollRequested = false;
    this.parts.demand.markNothingDue(this.parts.demand.ofAll(performance.now()));
  }

  /** Releases tokens that were buffered for a third of their lease, or will not start soon: their host has become slower. */
  releaseLate(): void {
    const { buffer, demand, releaser, config } = this.parts;
    const late = buffer.dropOlderThan(performance.now() - (config.leaseSeconds * 1000) / 3);
    releaser.release([...late, ...demand.trimPrefetch()]);
  }

  /** Whether a claim is running. */
  get isClaiming(): boolean {
    return this.claims.size > 0;
  }

  /** Whether there is a reason to claim, now or when deferred tokens are due. */
  get isClaimWanted(): boolean {
    return this.interactivePollRequested || this.isGeneralClaimWanted || this.deferral !== undefined;
  }

  private get isGeneralClaimWanted(): boolean {
    const { database, demand } = this.parts;
    return this.pollRequested || (database.backoffMs === 0 && demand.isAnyWanted(performance.now()));
  }

  private get isFull(): boolean {
    return this.parts.buffer.count >= MAX_BUFFERED || this.parts.completer.isBackpressured;
  }

  private get isInteractiveFull(): boolean {
    const { buffer, completer } = this.parts;
    return buffer.interactiveCount >= MAX_INTERACTIVE_BUFFERED || completer.isInteractiveBackpressured;
  }

  private async claimOnce(signal: AbortSignal): Promise<void> {
    const { demand, completer, config } = this.parts;
    const now = performance.now();
    const wanted = demand.ofAll(now);
    if (this.pollRequested) this.polledAt = now;
    this.pollRequested = false;
    this.pollAgain ||= this.claims.has('interactive');
    const limit = completer.limitBulk(config.claimBatchSize);
    const claim = await this.claim('any', wanted, limit, signal);
    if (claim) {
      this.pollRequested ||= claim.mayHaveLeftLanes && this.hasFoundNew(claim);
      if (!this.pollRequested) demand.markNothingDue(wanted, claim.fullHosts);
    }
    this.end('any');
  }

  /** Whether the claim has taken tokens or seen other lanes than those before it. If not, lanes that have tokens would be repeated for ever. */
  private hasFoundNew({ tokens, laneIds }: Claim): boolean {
    const isNew = tokens.length > 0 || laneIds.some((id) => !this.idleLanes.has(id));
    if (tokens.length > 0 || !isNew) this.idleLanes.clear();
    else for (const id of laneIds) this.idleLanes.add(id);
    return isNew;
  }

  private async claimInteractiveOnce(signal: AbortSignal): Promise<void> {
    this.interactivePollRequested = false;
    this.pollRequested ||= this.claims.has('any');
    const wanted = this.parts.demand.ofInteractive(performance.now());
    const claim = await this.claim('interactive', wanted, this.parts.config.claimBatchSize, signal);
    if (claim) {
      this.pollRequested ||= claim.mayHaveLeftLanes || claim.fullHosts.size > 0 || this.pollAgain;
      this.pollAgain = false;
      this.wakeSignal.wake();
    }
    this.end('interactive');
  }

  private end(kind: 'any' | 'interactive'): void {
    this.claims.delete(kind);
    this.worker.onEnd();
  }

  /** Claims tokens and adds them to the buffer. null: the claim has failed, or the worker has stopped meanwhile. */
  private async claim(
    kind: 'any' | 'interactive',
    demand: readonly HostDemand[],
    limit: number,
    signal: AbortSignal,
  ): Promise<Claim | null> {
    const { queue, buffer, cooldowns, releaser, database, metrics } = this.parts;
    const startedAt = performance.now();
    this.claims.set(kind, startedAt);
    let claim: Claim;
    let coalesced: ReadonlyMap<ClaimedToken, ItemResult[]>;
    try {
      claim = await queue.claim(demand, { onlyInteractive: kind === 'interactive', limit });
      metrics.recordClaim(kind, performance.now() - startedAt, claim);
      claim = { ...claim, tokens: await this.addStored(claim.tokens) };
      coalesced = await this.findCoalesced(claim.tokens);
    } catch (error) {
      this.claims.delete(kind);
      database.recordFailure('claim failed', error);
      return null;
    }
    if (signal.aborted) {
      releaser.release(claim.tokens);
      return null;
    }
    const [tokens, inCooldown] = cooldowns.partition(claim.tokens, startedAt, Math.min(...this.claims.values()));
    const toFetch = this.completeWithoutFetch(tokens, coalesced);
    buffer.add(toFetch, performance.now());
    this.prepare(toFetch);
    if (claim.hasDeferred) this.pollDeferred();
    database.recordSuccess('claim failed');
    releaser.release(inCooldown);
    this.worker.onClaimed();
    return claim;
  }

  /**
   * The results of tokens that need no fetch of their own: the last one began late enough, and used the same source or that of
   * a later refresh.
   */
  private async findCoalesced(tokens: readonly ClaimedToken[]): Promise<ReadonlyMap<ClaimedToken, ItemResult[]>> {
    const candidates = tokens.flatMap((token) => {
      const results = toCoalescedResults(token);
      return results && token.lastRefreshId ? [{ token, results, refreshId: token.lastRefreshId }] : [];
    });
    if (candidates.length === 0) return new Map();
    try {
      const sources = await this.parts.queue.findSources([...new Set(candidates.map(({ refreshId }) => refreshId))]);
      const served = candidates.filter(({ token, refreshId }) => isServedBy(token, sources.get(refreshId)));
      return new Map(served.map(({ token, results }) => [token, results]));
    } catch (error) {
      this.logger.warn({
        msg: 'last fetches not loaded; tokens may be fetched twice',
        error: describeDatabaseError(error),
      });
      return new Map();
    }
  }

  /** Completes the tokens that need no fetch of their own, or whose record none may replace. Returns the others. */
  private completeWithoutFetch(
    tokens: readonly ClaimedToken[],
    coalesced: ReadonlyMap<ClaimedToken, ItemResult[]>,
  ): ClaimedToken[] {
    return tokens.filter((token) => {
      const results = toKeptResults(token) ?? coalesced.get(token);
      if (results) this.parts.completer.add(token, results);
      return !results;
    });
  }

  private pollDeferred(): void {
    if (this.deferral) this.deferredAgainAt = performance.now();
    else this.deferral = setTimeout(() => this.endDeferral(), DEFERRAL_MS);
  }

  private endDeferral(): void {
    this.deferral =
      this.deferredAgainAt === undefined
        ? undefined
        : setTimeout(() => this.endDeferral(), this.deferredAgainAt + DEFERRAL_MS - performance.now());
    this.deferredAgainAt = undefined;
    if (this.parts.database.backoffMs === 0) this.poll();
    this.worker.onEnd();
  }

  /** Adds the stored state of the tokens, so that hosts can respond with 304 Not Modified. */
  private async addStored(tokens: ClaimedToken[]): Promise<ClaimedToken[]> {
    if (tokens.length === 0) return tokens;
    try {
      const stored = await this.parts.store.findStored(tokens);
      const known = new Map(stored.map((entry) => [`${entry.collectionId}/${entry.tokenId}`, entry]));
      return tokens.map((token) => withStored(token, known.get(`${token.collectionId}/${token.tokenId}`)));
    } catch (error) {
      this.logger.warn({
        msg: 'stored token state not loaded; documents will be fetched in full',
        error: describeDatabaseError(error),
      });
      // Unknown records may come from a document, which media must not replace.
      return tokens.map((token) => ({ ...token, hasDocument: true }));
    }
  }

  private prepare(tokens: readonly ClaimedToken[]): void {
    try {
      this.parts.fetcher.prepare(tokens);
    } catch (error) {
      // An error of a host's MetadataSource. Each token is located again when it is fetched.
      this.logger.error({ msg: 'token URI prefetch failed', error: String(error) });
    }
  }
}

/** Whether a fetch from this source is as good as one from the source of the token; undefined: unknown. */
function isServedBy({ source, items }: ClaimedToken, last: RefreshSource | undefined): boolean {
  if (!last) return false;
  const isLater = items.every(({ acceptedSeq }) => BigInt(acceptedSeq) < BigInt(last.acceptedSeq));
  return isLater || isDeepStrictEqual(source, last.source);
}
