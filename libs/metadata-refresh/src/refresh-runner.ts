import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { RefreshRetention } from './refresh-retention.js';
import { RefreshWorker } from './refresh-worker.js';

/** Finds what a notification missed, and items whose pause is over. */
const LOOK_EVERY_MS = 500;
const CLEAN_UP_EVERY_MS = 3_600_000;

/**
 * Starts the worker with the application and keeps it awake, and removes what is old once an hour. With timers of its
 * own: a ScheduleModule is the host's, and a second one would run each of the host's cron jobs twice.
 */
@Injectable()
export class RefreshRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('MetadataRefresh');
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly worker: RefreshWorker,
    private readonly retention: RefreshRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.worker.start();
    this.timers = [
      setInterval(() => this.worker.wake(), LOOK_EVERY_MS),
      setInterval(() => void this.cleanUp(), CLEAN_UP_EVERY_MS),
    ];
  }

  /** The worker stops by itself. */
  beforeApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async cleanUp(): Promise<void> {
    try {
      const removed = await this.retention.deleteExpired();
      if (removed.refreshes + removed.attempts > 0) this.logger.log({ msg: 'expired refreshes deleted', ...removed });
    } catch (error) {
      this.logger.warn({ msg: 'expired refreshes not deleted; next try in an hour', error: String(error) });
    }
  }
}
