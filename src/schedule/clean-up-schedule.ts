import { RefreshRetention } from '@app/metadata-refresh';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';

/** Old refreshes and attempts go once an hour. */
@Injectable()
export class CleanUpSchedule {
  private readonly logger = new Logger('CleanUp');

  constructor(private readonly retention: RefreshRetention) {}

  @Cron(CronExpression.EVERY_HOUR)
  async removeOld(): Promise<void> {
    try {
      const removed = await this.retention.removeOld();
      if (removed.refreshes + removed.attempts > 0) this.logger.log({ msg: 'old refreshes removed', ...removed });
    } catch (error) {
      this.logger.warn({ msg: 'old refreshes were not removed; tried again in an hour', error: String(error) });
    }
  }
}
