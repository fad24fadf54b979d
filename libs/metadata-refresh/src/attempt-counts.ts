import { Injectable } from '@nestjs/common';
import type { FetchOutcome } from '@app/metadata-fetch';

/** The number of requests to metadata hosts with one outcome and reason, since the process started. */
export interface AttemptCount {
  outcome: FetchOutcome['kind'];
  /** Empty for a success. */
  reason: string;
  count: number;
}

/** Counts the requests of this process by outcome since it started, for metrics. */
@Injectable()
export class AttemptCounts {
  private readonly counts = new Map<string, AttemptCount>();

  count(outcome: FetchOutcome['kind'], reason: string | null): void {
    const key = `${outcome}/${reason ?? ''}`;
    const entry = this.counts.get(key) ?? { outcome, reason: reason ?? '', count: 0 };
    entry.count += 1;
    this.counts.set(key, entry);
  }

  read(): AttemptCount[] {
    return [...this.counts.values()].map((entry) => ({ ...entry }));
  }
}
