import { Injectable } from '@nestjs/common';

/** The clock by which the age of signatures is checked. */
export abstract class Clock {
  abstract now(): Date;
}

/** The clock of the process. */
@Injectable()
export class SystemClock extends Clock {
  override now(): Date {
    return new Date();
  }
}
