import { describeDatabaseError, LeaseRenewal } from '@app/database';
import { setTimeout as delay } from 'node:timers/promises';
import { ModuleLogger, outsideRequests } from '@app/logging';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { EventCursors, type ClaimedCursor } from './event-cursors.js';
import { EventPublisher } from './event-publisher.js';
import { EventReader } from './event-reader.js';
import { MetadataEvents } from './metadata-events.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import type { Subscriber } from './subscriber.js';
import { WebhookSubscribers } from './webhook-subscribers.js';

/** Completions that follow each other quickly cause one poll. */
const MIN_POLL_INTERVAL_MS = 500;
/** `stop` does not wait longer for a handler: its lease expires, and its events are delivered again. */
const HANDLER_TIMEOUT_MS = 5000;

/**
 * Publishes committed events and delivers them to consumers and webhooks. A reader with events to read is claimed for one
 * lease and served to the end of the stream, concurrently with all others. A failure delays this reader only. Events that a
 * process did not confirm before it died are delivered again by another process.
 */
@Injectable()
export class EventDelivery implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataEvents');
  private running = false;
  private polling: Promise<void> | undefined;
  private pollTimer: NodeJS.Timeout | undefined;
  private polledAt = -Infinity;
  /** `wake` was called after the current poll had started. */
  private pollRequested = false;
  private openedConsumers = 0;
  private isFailing = false;
  private shutdown = new AbortController();
  private readonly deliveries = new Set<Promise<void>>();

  constructor(
    private readonly publisher: EventPublisher,
    private readonly cursors: EventCursors,
    private readonly reader: EventReader,
    private readonly consumers: MetadataEvents,
    private readonly webhooks: WebhookSubscribers,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** Polls until `stop`. */
  start(): void {
    if (this.running) return;
    this.shutdown = new AbortController();
    this.running = true;
    this.wake();
  }

  /** Polls for events now. Also finds events of other processes and retries that are due: call it about once a second. */
  wake(): void {
    this.pollRequested = true;
    if (!this.running || this.pollTimer || this.polling) return;
    const pause = Math.max(0, this.polledAt + MIN_POLL_INTERVAL_MS - performance.now());
    // A request whose refresh was completed at once wakes it.
    this.pollTimer = outsideRequests(() => setTimeout(() => this.startPoll(), pause));
  }

  private startPoll(): void {
    this.pollTimer = undefined;
    this.pollRequested = false;
    this.polling = this.pollSafely().finally(() => {
      this.polling = undefined;
      if (this.pollRequested) this.wake();
    });
  }

  /** Publishes and delivers until nothing is due, for hosts that schedule work themselves, and tests. Throws database errors. */
  async runOnce(): Promise<void> {
    if (!this.running) this.shutdown = new AbortController();
    while ((await this.poll()) > 0) await Promise.all(this.deliveries);
  }

  /** Claims nothing more and aborts webhook requests; waits up to 5 seconds for handlers of consumers. */
  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.pollTimer);
    this.pollTimer = undefined;
    this.shutdown.abort();
    await this.polling;
    const timer = new AbortController();
    const timeout = delay(HANDLER_TIMEOUT_MS, null, { signal: timer.signal }).catch(() => null);
    await Promise.race([Promise.all(this.deliveries), timeout]);
    timer.abort();
  }

  /** While the database connection is still open: other processes need not wait for the lease to expire. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async pollSafely(): Promise<void> {
    this.polledAt = performance.now();
    try {
      await this.poll();
      this.isFailing = false;
    } catch (error) {
      this.logFailure(error);
    }
  }

  /** Returns how many readers were claimed. */
  private async poll(): Promise<number> {
    await this.publisher.publish();
    // Only then: a new consumer starts after what has been published already.
    const names = this.consumers.names;
    if (names.length > this.openedConsumers) await this.cursors.open('consumer', names);
    this.openedConsumers = names.length;

    const free = this.config.deliveryConcurrency - this.deliveries.size;
    if (free <= 0 || this.shutdown.signal.aborted) return 0;
    const claimed = await this.cursors.claim(names, free);
    for (const cursor of claimed) this.startDelivery(cursor);
    return claimed.length;
  }

  private startDelivery(cursor: ClaimedCursor): void {
    const renewal = new LeaseRenewal(() => this.cursors.renew(cursor), (this.config.leaseSeconds * 1000) / 3);
    const delivery = this.deliver(cursor)
      .then(
        () => this.wake(),
        // No wake-up: the lease expires, and a later poll claims the reader again.
        (error: unknown) => this.logFailure(error),
      )
      .then(() => renewal.end())
      .finally(() => this.deliveries.delete(delivery));
    this.deliveries.add(delivery);
  }

  /** Until the reader has all events, fails, or is claimed by another process. */
  private async deliver(cursor: ClaimedCursor): Promise<void> {
    const subscriber = await this.subscriberOf(cursor);
    if (!subscriber) return;
    let { offset, failures, failingSeconds } = cursor;
    while (!this.shutdown.signal.aborted) {
      const { events, readTo } = await this.reader.read(offset, subscriber.filter);
      if (readTo === null) break;
      let next = readTo;
      if (events.length > 0) {
        const state = { attempt: failures + 1, failingSeconds };
        const toDeliver = events.map(({ event }) => event);
        const result = await subscriber.deliver(toDeliver, state, this.shutdown.signal);
        if (result.kind === 'disabled') return;
        if (result.kind === 'interrupted') break;
        if (result.kind === 'failed') return this.cursors.postpone(cursor, result.retryInSeconds, result.error);
        if (result.count < events.length) next = events[result.count - 1]!.offset;
        [failures, failingSeconds] = [0, 0];
      }
      if (!(await this.cursors.advance(cursor, next))) return;
      offset = next;
    }
    await this.cursors.release(cursor);
  }

  private async subscriberOf({ kind, name }: ClaimedCursor): Promise<Subscriber | undefined> {
    return kind === 'consumer' ? this.consumers.find(name) : this.webhooks.find(name);
  }

  private logFailure(error: unknown): void {
    if (this.isFailing) return;
    this.isFailing = true;
    this.logger.warn({ msg: 'event delivery failed; it will be retried', error: describeDatabaseError(error) });
  }
}
