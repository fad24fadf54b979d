import { EventDelivery, EventRetention } from '@app/metadata-events';
import { RefreshRetention, RefreshWorker } from '@app/metadata-refresh';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron, CronExpression, Interval } from '@nestjs/schedule';

/** Covers missed notifications, and finds retries whose delay is over. */
const POLL_INTERVAL_MS = 250;

/** Everything that this application runs in the background: the worker, the delivery of events, and clean-up. */
@Injectable()
export class Schedule implements OnApplicationBootstrap {
  constructor(
    private readonly worker: RefreshWorker,
    private readonly delivery: EventDelivery,
    private readonly refreshes: RefreshRetention,
    private readonly events: EventRetention,
  ) {}

  /** Both stop by themselves when the application closes. */
  onApplicationBootstrap(): void {
    this.delivery.start();
    this.worker.start();
  }

  @Interval(POLL_INTERVAL_MS)
  wake(): void {
    this.worker.wake();
    this.delivery.wake();
  }

  @Cron(CronExpression.EVERY_HOUR)
  async cleanUp(): Promise<void> {
    await this.refreshes.cleanUp();
    await this.events.cleanUp();
  }
}
