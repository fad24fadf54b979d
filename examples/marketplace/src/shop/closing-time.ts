import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';

/** A cron job of the shop. It prints the second in which it ran. */
@Injectable()
export class ClosingTime {
  @Cron('* * * * * *')
  run(): void {
    process.stdout.write(`closing time looked at ${Math.round(Date.now() / 1000)}\n`);
  }
}
