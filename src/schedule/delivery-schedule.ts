import { EventDelivery } from '@app/metadata-events';
import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';

/** The safety net: finds events that other processes have written, and pauses that are over. */
@Injectable()
export class DeliverySchedule {
  constructor(private readonly delivery: EventDelivery) {}

  @Interval(500)
  wake(): void {
    this.delivery.wake();
  }
}
