import { describeDatabaseError } from '@app/database';
import { setTimeout as pass } from 'node:timers/promises';
import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { EventCursors, type ClaimedCursor } from './event-cursors.js';
import { EventPublisher } from './event-publisher.js';
import { EventReader } from './event-reader.js';
import { MetadataEvents } from './metadata-events.js';
import { METADATA_EVENTS_CONFIG, type MetadataEventsConfig } from './metadata-events.options.js';
import type { Subscriber } from './subscriber.js';
import { WebhookSubscribers } from './webhook-subscribers.js';

/** Many completions in a row are one look. */
const LOOK_AT_MOST_EVERY_MS = 500;
/** A handler that takes longer is left to its lease: what it was told comes again. */
const HANDLERS_END_WITHIN_MS = 5000;

/**
 * Publishes what was committed, and brings it to consumers and webhooks: whoever has something to read is claimed for
 * one lease and followed to the end of the stream, side by side with all others. A failure is a pause for this one only.
 * What a process that dies has not marked as delivered is delivered again by another one.
 */
@Injectable()
export class EventDelivery implements BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataEvents');
  private running = false;
  private looking: Promise<void> | undefined;
  private lookTimer: NodeJS.Timeout | undefined;
  private polledAt = -Infinity;
  /** Somebody has asked since the look that is under way began. */
  private looksAgain = false;
  private opened = 0;
  private isInTrouble = false;
  private shutdown = new AbortController();
  private readonly following = new Set<Promise<void>>();

  constructor(
    private readonly publisher: EventPublisher,
    private readonly cursors: EventCursors,
    private readonly reader: EventReader,
    private readonly consumers: MetadataEvents,
    private readonly webhooks: WebhookSubscribers,
    @Inject(METADATA_EVENTS_CONFIG) private readonly config: MetadataEventsConfig,
  ) {}

  /** Work until `stop`. */
  start(): void {
    if (this.running) return;
    this.shutdown = new AbortController();
    this.running = true;
    this.wake();
  }

  /** Look for events now. Finds what other processes have done, and pauses that are over: call it every second or so. */
  wake(): void {
    this.looksAgain = true;
    if (!this.running || this.lookTimer || this.looking) return;
    const pause = Math.max(0, this.polledAt + LOOK_AT_MOST_EVERY_MS - performance.now());
    this.lookTimer = setTimeout(() => {
      this.lookTimer = undefined;
      this.looksAgain = false;
      this.looking = this.lookAndNote().finally(() => {
        this.looking = undefined;
        if (this.looksAgain) this.wake();
      });
    }, pause);
  }

  /** Publish and deliver until nothing is due. For hosts that schedule work themselves, and for tests. Throws what the database throws. */
  async runOnce(): Promise<void> {
    if (!this.running) this.shutdown = new AbortController();
    while ((await this.look()) > 0) await Promise.all(this.following);
  }

  /** Take nothing new and break off what is being posted; handlers of consumers may come to their end, within 5 seconds. */
  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.lookTimer);
    this.lookTimer = undefined;
    this.shutdown.abort();
    await this.looking;
    const ended = new AbortController();
    const tooLate = pass(HANDLERS_END_WITHIN_MS, null, { signal: ended.signal }).catch(() => null);
    await Promise.race([Promise.all(this.following), tooLate]);
    ended.abort();
  }

  /** Before the database goes: nobody else should wait for the lease. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async lookAndNote(): Promise<void> {
    this.polledAt = performance.now();
    try {
      await this.look();
      this.isInTrouble = false;
    } catch (error) {
      this.note(error);
    }
  }

  /** Returns how many were claimed. */
  private async look(): Promise<number> {
    await this.publisher.publish();
    // After that: who is new is not told of what was there before.
    const names = this.consumers.names;
    if (names.length > this.opened) await this.cursors.open('consumer', names);
    this.opened = names.length;

    const room = this.config.deliveryConcurrency - this.following.size;
    if (room <= 0 || this.shutdown.signal.aborted) return 0;
    const claimed = await this.cursors.claim(names, room);
    for (const cursor of claimed) this.follow(cursor);
    return claimed.length;
  }

  private follow(cursor: ClaimedCursor): void {
    const renewing = setInterval(
      () => void this.cursors.renew(cursor).catch(() => {}),
      (this.config.leaseSeconds * 1000) / 3,
    );
    const following = this.deliver(cursor)
      .then(
        () => this.wake(),
        // Without a wake-up: the lease runs out, and the next look comes by itself.
        (error: unknown) => this.note(error),
      )
      .finally(() => {
        clearInterval(renewing);
        this.following.delete(following);
      });
    this.following.add(following);
  }

  /** Until it has everything, fails, or somebody else has it. */
  private async deliver(cursor: ClaimedCursor): Promise<void> {
    const subscriber = await this.subscriberOf(cursor);
    if (!subscriber) return;
    let { place, failures, failingSeconds } = cursor;
    while (!this.shutdown.signal.aborted) {
      const { events, readTo } = await this.reader.read(place, subscriber.filter);
      if (readTo === null) break;
      let next = readTo;
      if (events.length > 0) {
        const state = { attempt: failures + 1, failingSeconds };
        const toDeliver = events.map(({ event }) => event);
        const ending = await subscriber.deliver(toDeliver, state, this.shutdown.signal);
        if (ending.kind === 'ended') return;
        if (ending.kind === 'interrupted') break;
        if (ending.kind === 'failed') return this.cursors.postpone(cursor, ending.retryInSeconds, ending.error);
        if (ending.count < events.length) next = events[ending.count - 1]!.place;
        [failures, failingSeconds] = [0, 0];
      }
      if (!(await this.cursors.advance(cursor, next))) return;
      place = next;
    }
    await this.cursors.release(cursor);
  }

  private async subscriberOf({ kind, name }: ClaimedCursor): Promise<Subscriber | undefined> {
    return kind === 'consumer' ? this.consumers.find(name) : this.webhooks.find(name);
  }

  private note(error: unknown): void {
    if (this.isInTrouble) return;
    this.isInTrouble = true;
    this.logger.warn({ msg: 'events are not delivered; tried again', error: describeDatabaseError(error) });
  }
}
