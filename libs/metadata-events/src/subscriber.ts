import { exponentialDelay } from '@app/safe-http';
import type { EventFilter } from './event-reader.js';
import type { MetadataEvent } from './metadata-event.js';

/** A receiver of events: a consumer in this process, or a webhook. */
export interface Subscriber {
  readonly filter: EventFilter;
  /** Rejects only for database errors, never for a failure of the subscriber. `signal` aborts on shutdown. */
  deliver(events: readonly MetadataEvent[], state: DeliveryState, signal: AbortSignal): Promise<Delivered>;
}

export interface DeliveryState {
  /** 1 for the first attempt at these events. */
  attempt: number;
  /** Seconds since the first of the consecutive failures. */
  failingSeconds: number;
}

export type Delivered =
  /** The first `count` events, at least one. */
  | { kind: 'delivered'; count: number }
  | { kind: 'failed'; error: string; retryInSeconds: number }
  /** Not started or aborted by shutdown; counts as no failure. */
  | { kind: 'interrupted' }
  /** The subscriber was disabled, and receives nothing more. */
  | { kind: 'disabled' };

/** Exponential back-off with up to a quarter of jitter, so that subscribers that failed together do not retry together. */
export function retrySeconds(attempt: number, base: number, cap: number, random: number = Math.random()): number {
  return exponentialDelay(attempt, { base, max: cap, jitter: 1 / 4, random });
}
