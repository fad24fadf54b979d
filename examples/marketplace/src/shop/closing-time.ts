import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';

/** A job of the shop's own; here one that only says that it ran, and in which second. */
@Injectable()
export class ClosingTime {
  @Cron('* * * * * *')
  look(): void {
    process.stdout.write(`closing time looked at ${Math.round(Date.now() / 1000)}\n`);
  }
}
