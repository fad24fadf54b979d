import { exponentialDelay } from '@app/safe-http';
import type { EventFilter } from './event-reader.js';
import type { MetadataEvent } from './metadata-event.js';

/** Somebody who is told of events: a consumer in this process, or a webhook. */
export interface Subscriber {
  readonly filter: EventFilter;
  /** Never rejects for what a subscriber does, only when the database refuses. `signal` asks to come to an end (shutdown). */
  deliver(events: readonly MetadataEvent[], state: DeliveryState, signal: AbortSignal): Promise<Delivered>;
}

export interface DeliveryState {
  /** 1 for the first try of these events. */
  attempt: number;
  /** How long all tries have failed. */
  failingSeconds: number;
}

export type Delivered =
  /** The first `count` of them, at least one. */
  | { kind: 'delivered'; count: number }
  | { kind: 'failed'; error: string; retryInSeconds: number }
  /** Not begun or broken off, and nobody's fault. */
  | { kind: 'interrupted' }
  /** It wants nothing any more, and has been taken off the list. */
  | { kind: 'ended' };

/** Exponential, with up to a quarter of jitter, so that what failed together does not come back together. */
export function retrySeconds(attempt: number, base: number, cap: number, random: number = Math.random()): number {
  return exponentialDelay(attempt, { base, max: cap, jitter: 1 / 4, random });
}
