import { EventDelivery, EventRetention } from '@app/metadata-events';
import { RefreshRetention, RefreshWorker } from '@app/metadata-refresh';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron, CronExpression, Interval } from '@nestjs/schedule';

/** Covers missed notifications, and finds retries whose delay is over. */
const POLL_INTERVAL_MS = 250;

/** Everything that this application runs in the background: the worker, the delivery of events, and clean-up. */
@Injectable()
export class Schedule implements OnApplicationBootstrap {
  private readonly logger = new Logger('Schedule');

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
  async deleteExpired(): Promise<void> {
    await this.deleteRows('refreshes', () => this.refreshes.deleteExpired());
    await this.deleteRows('events', () => this.events.deleteExpired());
  }

  private async deleteRows(kind: string, deleteExpired: () => Promise<Record<string, number>>): Promise<void> {
    try {
      const deleted = await deleteExpired();
      if (Object.values(deleted).some((count) => count > 0)) {
        this.logger.log({ msg: `expired ${kind} deleted`, ...deleted });
      }
    } catch (error) {
      this.logger.warn({ msg: `expired ${kind} not deleted; next try in an hour`, error: String(error) });
    }
  }
}
