import { setTimeout as later } from 'node:timers/promises';
import { ChainStatuses, type ChainStatus } from '@app/chain-events';
import { EventStatusReader, type EventStatus } from '@app/metadata-events';
import { QueueStatusReader, type QueueStatus } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { Readiness } from '../health/readiness.js';

/** What all processes share through the database. */
export interface SharedState {
  queue: QueueStatus;
  events: EventStatus;
  chains: ChainStatus[];
}

/** The maximum number of lanes and hosts that have series of their own. */
const MAX_NAMED = 50;
/** Prometheus waits for 10 seconds by default. */
const TIMEOUT_MS = 5000;
/** With more refreshes and lanes than this, the state is read again only after PAUSE_FACTOR times as long as it took. */
const CHEAP_COUNT = 1000;
const PAUSE_FACTOR = 20;

/**
 * Reads the shared state for metrics: once for all metrics of a response, and with a long queue so seldom that it takes a twentieth of
 * the time of one database connection, however often metrics are read.
 */
@Injectable()
export class SharedStatus {
  private last: SharedState | null = null;
  private reading: Promise<SharedState | null> | undefined;
  private nextAt = -Infinity;

  constructor(
    private readonly readiness: Readiness,
    private readonly queue: QueueStatusReader,
    private readonly events: EventStatusReader,
    private readonly chains: ChainStatuses,
  ) {}

  /** Whether the database responds. */
  isDatabaseUp(): Promise<boolean> {
    return this.readiness.isDatabaseUp();
  }

  /** null: the database does not respond, or not in time. */
  async read(): Promise<SharedState | null> {
    if (performance.now() < this.nextAt) return this.last;
    this.reading ??= this.query().finally(() => (this.reading = undefined));
    return Promise.race([this.reading, later(TIMEOUT_MS, null, { ref: false })]);
  }

  private async query(): Promise<SharedState | null> {
    const startedAt = performance.now();
    try {
      if (!(await this.isDatabaseUp())) return (this.last = null);
      const [queue, events, chains] = await Promise.all([
        this.queue.read(MAX_NAMED),
        this.events.read(),
        this.chains.list(),
      ]);
      this.last = { queue, events, chains };
      const lanes = queue.lanes.length + (queue.others?.lanes ?? 0);
      const endedAt = performance.now();
      if (queue.pendingRefreshes + lanes > CHEAP_COUNT) this.nextAt = endedAt + (endedAt - startedAt) * PAUSE_FACTOR;
    } catch {
      // The database is lost, or has no tables of ours: there is no state to show.
      this.last = null;
    }
    return this.last;
  }
}
