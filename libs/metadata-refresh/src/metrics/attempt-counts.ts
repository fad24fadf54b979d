import { Injectable } from '@nestjs/common';
import type { FetchOutcome } from '@app/metadata-fetch';
import { Histograms, type HistogramValues } from './histogram.js';
import { hostClassOf, type HostClass } from './host-class.js';
import type { AttemptedRequest } from '../completion/item-result.js';

/** The number of requests to metadata hosts with one outcome and reason, since the process started. */
export interface AttemptCount {
  outcome: FetchOutcome['kind'];
  /** Empty for a success. */
  reason: string;
  count: number;
}

/** How long requests to one class of metadata hosts took, and how large their responses were, since the process started. */
export interface RequestMeasurements {
  hostClass: HostClass;
  seconds: HistogramValues;
  bytes: HistogramValues;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** Counts the requests of this process since it started by outcome, and measures them, for metrics. */
@Injectable()
export class AttemptCounts {
  private readonly counts = new Map<FetchOutcome['kind'], Map<string, AttemptCount>>();
  private readonly seconds = new Histograms<HostClass>(SECONDS);
  private readonly bytes = new Histograms<HostClass>(BYTES);

  /** Counts the requests of one attempt at this metadata host. */
  count(host: string, requests: readonly AttemptedRequest[]): void {
    const hostClass = hostClassOf(host);
    for (const { outcome, reason, durationMs, bytes } of requests) {
      this.entry(outcome, reason ?? '').count += 1;
      this.seconds.record(hostClass, durationMs / 1000);
      this.bytes.record(hostClass, bytes);
    }
  }

  read(): AttemptCount[] {
    return [...this.counts.values()].flatMap((byReason) => Array.from(byReason.values(), (entry) => ({ ...entry })));
  }

  readMeasurements(): RequestMeasurements[] {
    const bytes = this.bytes.read();
    return [...this.seconds.read()].map(([hostClass, seconds]) => {
      return { hostClass, seconds, bytes: bytes.get(hostClass)! };
    });
  }

  private entry(outcome: FetchOutcome['kind'], reason: string): AttemptCount {
    let byReason = this.counts.get(outcome);
    if (!byReason) this.counts.set(outcome, (byReason = new Map()));
    let entry = byReason.get(reason);
    if (!entry) byReason.set(reason, (entry = { outcome, reason, count: 0 }));
    return entry;
  }
}
