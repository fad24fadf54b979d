import { RefreshWorker } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';

/** The safety net: a worker that missed a notification, or slept through a retry's pause, looks for work by itself. */
@Injectable()
export class WorkerSchedule {
  constructor(private readonly worker: RefreshWorker) {}

  @Interval(250)
  wake(): void {
    this.worker.wake();
  }
}
