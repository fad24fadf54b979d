import { RefreshRetention } from '@app/metadata-refresh';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';

/** Old refreshes go once an hour. */
@Injectable()
export class CleanUpSchedule {
  private readonly logger = new Logger('CleanUp');

  constructor(private readonly retention: RefreshRetention) {}

  @Cron(CronExpression.EVERY_HOUR)
  async removeOld(): Promise<void> {
    try {
      const refreshes = await this.retention.removeOld();
      if (refreshes > 0) this.logger.log({ msg: 'old refreshes removed', refreshes });
    } catch (error) {
      this.logger.warn({ msg: 'old refreshes were not removed; tried again in an hour', error: String(error) });
    }
  }
}
