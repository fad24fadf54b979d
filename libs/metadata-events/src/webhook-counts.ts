import { Injectable } from '@nestjs/common';

/** The number of messages to webhooks with one outcome and reason, since the process started. */
export interface WebhookCount {
  outcome: 'accepted' | 'failed';
  /** Why the receiver did not accept it; empty if it did. */
  reason: string;
  count: number;
}

/** The number of webhooks that were disabled for one reason, since the process started. */
export interface DisabledCount {
  reason: 'gone' | 'failing';
  count: number;
}

/** Counts what this process has sent to webhooks since it started, for metrics. */
@Injectable()
export class WebhookCounts {
  private readonly byReason = new Map<string | null, number>();
  /** From 0 on, so that the first one is seen to be more than before. */
  private readonly disabledBy = new Map<DisabledCount['reason'], number>([
    ['gone', 0],
    ['failing', 0],
  ]);

  /** null: the receiver accepted the message. */
  count(reason: string | null): void {
    this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + 1);
  }

  countDisabled(reason: DisabledCount['reason']): void {
    this.disabledBy.set(reason, this.disabledBy.get(reason)! + 1);
  }

  read(): WebhookCount[] {
    return Array.from(this.byReason, ([reason, count]) => {
      return { outcome: reason === null ? 'accepted' : 'failed', reason: reason ?? '', count };
    });
  }

  readDisabled(): DisabledCount[] {
    return Array.from(this.disabledBy, ([reason, count]) => ({ reason, count }));
  }
}
