import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { RefreshRetention } from '../refresh-retention.js';
import { RefreshWorker } from './refresh-worker.js';

/** Finds refreshes whose notification was lost, and items whose retry is due. */
const POLL_INTERVAL_MS = 500;
const RETENTION_INTERVAL_MS = 3_600_000;

/**
 * Starts the worker with the application, wakes it regularly, and deletes expired rows once an hour. Uses timers of its
 * own: a second ScheduleModule beside the host's would run each of the host's cron jobs twice.
 */
@Injectable()
export class RefreshRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly worker: RefreshWorker,
    private readonly retention: RefreshRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.worker.start();
    this.timers = [
      setInterval(() => this.worker.wake(), POLL_INTERVAL_MS),
      setInterval(() => void this.retention.run(), RETENTION_INTERVAL_MS),
    ];
  }

  /** RefreshWorker has a shutdown hook of its own. */
  beforeApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
  }
}
