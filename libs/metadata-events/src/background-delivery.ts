import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { EventDelivery } from './event-delivery.js';
import { EventRetention } from './event-retention.js';

/** Finds events of other processes, and retries that are due. */
const POLL_INTERVAL_MS = 500;
const RETENTION_INTERVAL_MS = 3_600_000;

/** Starts event delivery with the application, and deletes expired rows once an hour, on timers of its own. */
@Injectable()
export class BackgroundDelivery implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly delivery: EventDelivery,
    private readonly retention: EventRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.delivery.start();
    this.timers = [
      setInterval(() => this.delivery.wake(), POLL_INTERVAL_MS),
      setInterval(() => void this.retention.run(), RETENTION_INTERVAL_MS),
    ];
  }

  /** EventDelivery has a shutdown hook of its own. */
  beforeApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }
}
