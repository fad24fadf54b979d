import { EventRetention } from '@app/metadata-events';
import { RefreshRetention } from '@app/metadata-refresh';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';

/** Old refreshes, attempts, events and deliveries go once an hour. */
@Injectable()
export class CleanUpSchedule {
  private readonly logger = new Logger('CleanUp');

  constructor(
    private readonly refreshes: RefreshRetention,
    private readonly events: EventRetention,
  ) {}

  @Cron(CronExpression.EVERY_HOUR)
  async deleteExpired(): Promise<void> {
    await this.remove('refreshes', () => this.refreshes.deleteExpired());
    await this.remove('events', () => this.events.deleteExpired());
  }

  private async remove(what: string, deleteExpired: () => Promise<Record<string, number>>): Promise<void> {
    try {
      const removed = await deleteExpired();
      if (Object.values(removed).some((count) => count > 0))
        this.logger.log({ msg: `expired ${what} deleted`, ...removed });
    } catch (error) {
      this.logger.warn({ msg: `expired ${what} not deleted, next try in an hour`, error: String(error) });
    }
  }
}
