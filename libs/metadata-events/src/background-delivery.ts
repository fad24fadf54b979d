import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { EventDelivery } from './event-delivery.js';
import { EventRetention } from './event-retention.js';

/** Finds what other processes have done, and pauses that are over. */
const LOOK_EVERY_MS = 500;
const CLEAN_UP_EVERY_MS = 3_600_000;

/** Starts delivery with the application, and removes what is old once an hour; with timers of its own, as the worker's. */
@Injectable()
export class BackgroundDelivery implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataEvents');
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly delivery: EventDelivery,
    private readonly retention: EventRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.delivery.start();
    this.timers = [
      setInterval(() => this.delivery.wake(), LOOK_EVERY_MS),
      setInterval(() => void this.cleanUp(), CLEAN_UP_EVERY_MS),
    ];
  }

  /** Delivery stops by itself. */
  beforeApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async cleanUp(): Promise<void> {
    try {
      const removed = await this.retention.deleteExpired();
      if (removed.events + removed.deliveries > 0) this.logger.log({ msg: 'expired events deleted', ...removed });
    } catch (error) {
      this.logger.warn({ msg: 'expired events not deleted; next try in an hour', error: String(error) });
    }
  }
}
