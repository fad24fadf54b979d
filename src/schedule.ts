import { ChainWatcher } from '@app/chain-events';
import { EventDelivery, EventRetention } from '@app/metadata-events';
import { RefreshRetention, RefreshWorker } from '@app/metadata-refresh';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron, CronExpression, Interval } from '@nestjs/schedule';

/** Covers missed notifications, and finds retries whose delay is over. */
const POLL_INTERVAL_MS = 250;

/** Runs the worker of this process. It stops by itself when the application closes. */
@Injectable()
export class WorkerSchedule implements OnApplicationBootstrap {
  constructor(private readonly worker: RefreshWorker) {}

  onApplicationBootstrap(): void {
    this.worker.start();
  }

  @Interval(POLL_INTERVAL_MS)
  wake(): void {
    this.worker.wake();
  }
}

/** Watches chains, if events are enabled. The watcher stops by itself when the application closes. */
@Injectable()
export class WatcherSchedule implements OnApplicationBootstrap {
  constructor(private readonly watcher: ChainWatcher) {}

  onApplicationBootstrap(): void {
    this.watcher.start();
  }
}

/** Runs the delivery of events, which stops by itself when the application closes, and the retention. */
@Injectable()
export class DeliverySchedule implements OnApplicationBootstrap {
  constructor(
    private readonly delivery: EventDelivery,
    private readonly refreshes: RefreshRetention,
    private readonly events: EventRetention,
  ) {}

  onApplicationBootstrap(): void {
    this.delivery.start();
  }

  @Interval(POLL_INTERVAL_MS)
  wake(): void {
    this.delivery.wake();
  }

  @Cron(CronExpression.EVERY_HOUR)
  async runRetention(): Promise<void> {
    await this.refreshes.run();
    await this.events.run();
  }
}
