import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore } from '@app/token-store';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { AttemptCounts } from './attempt-counts.js';
import { toItemResult, type ItemResult } from './item-result.js';
import { LaneCounts } from './lane-counts.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { RefreshCompletion } from './refresh-completion.js';
import type { ClaimedItem } from './claimed-item.js';
import { RefreshQueue } from './refresh-queue.js';
import { WakeUp } from './wake-up.js';

/** Batches that may be on their way to the database at once. */
const COMPLETIONS_AT_ONCE = 2;
/** A completion takes no further result once it has this much. */
const COMPLETION_BYTES = 1 * 1024 * 1024;
/** Nothing is fetched while documents of this size wait to be written. */
const WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Three loops that never wait for each other: claim due items ahead of need, fetch them, write the results in batches.
 * Each is woken by the others. A claim that finds nothing sleeps until a refresh is accepted or `wake` is called.
 * Items of a worker that dies come due again when their lease runs out; `stop` hands them back at once.
 */
@Injectable()
export class RefreshWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataRefresh');
  private running = false;
  private ready: ClaimedItem[] = [];
  private readonly fetching = new Set<ClaimedItem>();
  private fetchingByLane = new LaneCounts();
  /** Ready or being fetched. */
  private heldByLane = new LaneCounts();
  /** Lanes that the last claim passed over because enough of them is held; it may be they that have due items. */
  private passedOver: readonly number[] = [];
  private results: ItemResult[] = [];
  private claiming = false;
  private starting = false;
  private completing = 0;
  private nothingDue = false;
  private flushTimer: NodeJS.Timeout | undefined;
  private shutdown = new AbortController();
  private quietListeners: ((error?: unknown) => void)[] = [];

  constructor(
    private readonly queue: RefreshQueue,
    private readonly completion: RefreshCompletion,
    private readonly fetcher: MetadataFetcher,
    private readonly tokens: TokenStore,
    private readonly counts: AttemptCounts,
    private readonly wakeUp: WakeUp,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** Work until `stop`. */
  start(): void {
    if (this.running) return;
    this.shutdown = new AbortController();
    this.running = true;
    this.wakeUp.listen(() => this.wake());
    this.wake();
  }

  /** Look for due items now. The safety net behind the notification: call it every second or so. */
  wake(): void {
    if (!this.running) return;
    this.nothingDue = false;
    this.wakeUp.keepListening();
    this.claim();
    this.flush();
  }

  /** Work until nothing is due. For hosts that schedule work themselves, and for tests. Throws what the database throws. */
  async runOnce(): Promise<void> {
    const wasRunning = this.running;
    if (!wasRunning) this.shutdown = new AbortController();
    this.running = true;
    this.nothingDue = false;
    try {
      await new Promise<void>((done, fail) => {
        this.quietListeners.push((error) => (error === undefined ? done() : fail(error as Error)));
        this.claim();
      });
    } finally {
      this.running = wasRunning;
    }
  }

  /** Take nothing new, break off what is being fetched, write what is fetched, and hand the rest back. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    const held = [...this.ready, ...this.fetching];
    for (const { laneId } of this.ready) this.heldByLane.add(laneId, -1);
    this.ready = [];
    this.shutdown.abort();
    await this.wakeUp.stop();
    await this.queue.release(held);
    await this.quiet();
  }

  /** Before the HTTP server waits for its last requests: nobody else should wait for the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private claim(): void {
    if (!this.running || this.claiming || this.nothingDue || this.ready.length >= this.config.claimBatch) return;
    this.claiming = true;
    // A lane is claimed one share ahead: it is asked again once no more than a share of it is held.
    this.passedOver = this.heldByLane.above(this.config.laneSlots);
    this.claimItems(this.passedOver).then(
      (items) => {
        this.claiming = false;
        if (!this.running) return this.handBack(items);
        for (const { laneId } of items) this.heldByLane.add(laneId, 1);
        this.ready.push(...items);
        this.nothingDue = items.length === 0;
        this.startFetches();
        this.claim();
        this.noteQuiet();
      },
      (error: unknown) => {
        this.claiming = false;
        this.trouble('due items could not be claimed', error);
      },
    );
  }

  /** With what is known of their documents, so that the hosts can say "not modified". */
  private async claimItems(passedOver: readonly number[]): Promise<ClaimedItem[]> {
    const items = await this.queue.claim(passedOver);
    if (items.length === 0) return items;
    const validators = await this.tokens.findValidators(items).catch((error: unknown) => {
      this.logger.warn({ msg: 'validators could not be read; documents are fetched whole', error: String(error) });
      return [];
    });
    const known = new Map(validators.map((stored) => [`${stored.collectionId}/${stored.tokenId}`, stored]));
    return items.map((item) => {
      const stored = known.get(`${item.collectionId}/${item.tokenId}`);
      if (!stored) return item;
      const { metadataUrl: url, etag, lastModified } = stored;
      return { ...item, validators: { url, etag: etag ?? undefined, lastModified: lastModified ?? undefined } };
    });
  }

  /** A claim that came back after `stop`. */
  private handBack(items: readonly ClaimedItem[]): void {
    this.claiming = true;
    void this.queue
      .release(items)
      .catch((error: unknown) =>
        this.logger.warn({ msg: 'items were not handed back; their lease will run out', error: String(error) }),
      )
      .finally(() => {
        this.claiming = false;
        this.noteQuiet();
      });
  }

  private startFetches(): void {
    if (this.starting || this.waitingBytes() > WAITING_BYTES) return;
    const items = this.takeRunnable();
    if (items.length === 0) return;
    this.starting = true;
    this.queue.drawFetchSeqs(items.length).then(
      (seqs) => {
        this.starting = false;
        items.forEach((item, index) => void this.fetch(item, seqs[index]!));
        this.startFetches();
        this.claim();
      },
      (error: unknown) => {
        this.starting = false;
        for (const item of items) this.leaveSlot(item);
        if (this.running) this.ready.unshift(...items);
        else for (const { laneId } of items) this.heldByLane.add(laneId, -1);
        this.trouble('fetches could not be started', error);
      },
    );
  }

  /** As many ready items as there are free slots, for the process and for each lane; they count as being fetched. */
  private takeRunnable(): ClaimedItem[] {
    const runnable: ClaimedItem[] = [];
    const waiting: ClaimedItem[] = [];
    for (const item of this.ready) {
      const hasSlot = this.fetching.size < this.config.fetchSlots;
      if (hasSlot && this.fetchingByLane.get(item.laneId) < this.config.laneSlots) {
        this.fetching.add(item);
        this.fetchingByLane.add(item.laneId, 1);
        runnable.push(item);
      } else {
        waiting.push(item);
      }
    }
    this.ready = waiting;
    return runnable;
  }

  private async fetch(item: ClaimedItem, fetchSeq: string): Promise<void> {
    const result = await this.attempt(item, fetchSeq);
    this.leaveSlot(item);
    this.heldByLane.add(item.laneId, -1);
    if (this.passedOver.includes(item.laneId) && this.heldByLane.get(item.laneId) <= this.config.laneSlots) {
      this.nothingDue = false;
    }
    // Broken off by stop(): the item was handed back, and this outcome says nothing about the host.
    if (result && !this.shutdown.signal.aborted) {
      this.results.push(result);
      this.flush();
    }
    if (this.running) {
      this.startFetches();
      this.claim();
    }
    this.noteQuiet();
  }

  private waitingBytes(): number {
    return this.results.reduce((bytes, result) => bytes + bytesOf(result), 0);
  }

  private leaveSlot(item: ClaimedItem): void {
    this.fetching.delete(item);
    this.fetchingByLane.add(item.laneId, -1);
  }

  private async attempt(item: ClaimedItem, fetchSeq: string): Promise<ItemResult | null> {
    try {
      if (item.claimCount > this.config.maxClaims + item.attemptCount) return lostTooOften(item, fetchSeq);
      const { source, tokenId, validators } = item;
      const outcome = await this.fetcher.fetch({ source, tokenId, validators }, this.shutdown.signal);
      const result = toItemResult(item, fetchSeq, outcome, this.config);
      this.note(result);
      return result;
    } catch (error) {
      // A bug of ours, not the host's doing: the lease runs out and the item is tried again, maxClaims times at most.
      this.logger.error({
        msg: 'a fetch threw',
        refreshId: item.refreshId,
        tokenId: item.tokenId,
        error: String(error),
      });
      return null;
    }
  }

  private note({ item, requests, status }: ItemResult): void {
    if (this.shutdown.signal.aborted) return;
    for (const { outcome, reason } of requests) this.counts.count(outcome, reason);
    const last = requests.at(-1);
    if (status === 'succeeded' || !last) return;
    const { refreshId, tokenId, attemptCount } = item;
    const { url, reason, durationMs } = last;
    this.logger.debug({
      msg: status === 'retry' ? 'an attempt failed; it is tried again' : 'an attempt failed',
      refreshId,
      tokenId,
      attempt: attemptCount + 1,
      url,
      reason,
      durationMs,
    });
  }

  private flush(isDue = false): void {
    if (this.results.length === 0 || this.completing >= COMPLETIONS_AT_ONCE) return;
    if (this.results.length < this.config.completeBatch && !isDue) {
      this.flushTimer ??= setTimeout(() => {
        this.flushTimer = undefined;
        this.flush(true);
      }, this.config.completeDelayMs);
      return;
    }
    const batch = this.takeBatch();
    this.completing += 1;
    this.completion.complete(batch).then(
      () => {
        this.completing -= 1;
        this.flush();
        if (this.running) this.startFetches();
        this.noteQuiet();
      },
      (error: unknown) => {
        this.completing -= 1;
        // Kept, and written when the database is back; if that is after the lease, the fence refuses them.
        this.results.unshift(...batch);
        this.trouble('results could not be written', error);
      },
    );
  }

  /** As many results as one completion may have, and as many bytes: a document of megabytes is nearly one of its own. */
  private takeBatch(): ItemResult[] {
    let bytes = 0;
    let count = 0;
    while (count < this.results.length && count < this.config.completeBatch && bytes < COMPLETION_BYTES) {
      bytes += bytesOf(this.results[count]!);
      count += 1;
    }
    return this.results.splice(0, count);
  }

  private trouble(msg: string, error: unknown): void {
    this.logger.error({ msg, error: error instanceof Error ? error.message : String(error) });
    this.nothingDue = true;
    for (const listener of this.quietListeners.splice(0)) listener(error);
  }

  private isQuiet(): boolean {
    const isBusy = this.claiming || this.starting || this.completing > 0;
    return !isBusy && this.ready.length + this.fetching.size + this.results.length === 0;
  }

  private noteQuiet(): void {
    if (!this.isQuiet() || (this.running && !this.nothingDue)) return;
    for (const listener of this.quietListeners.splice(0)) listener();
  }

  private quiet(): Promise<void> {
    if (this.isQuiet()) return Promise.resolve();
    this.flush(true);
    return new Promise((done) => this.quietListeners.push(() => done()));
  }
}

function bytesOf({ requests }: ItemResult): number {
  return requests.at(-1)?.bytes ?? 0;
}

/** Whatever this token does to a worker, it shall not do it for ever. */
function lostTooOften(item: ClaimedItem, fetchSeq: string): ItemResult {
  return {
    item,
    fetchSeq,
    requests: [],
    status: 'failed',
    error: {
      errorCode: 'unable_to_retrieve_metadata',
      reason: 'worker_lost',
      metadataUrl: '',
      statusCode: null,
      body: null,
    },
  };
}
