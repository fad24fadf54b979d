import { Injectable } from '@nestjs/common';

/** The time that signatures are judged by. */
export abstract class Clock {
  abstract now(): Date;
}

@Injectable()
export class SystemClock extends Clock {
  override now(): Date {
    return new Date();
  }
}
