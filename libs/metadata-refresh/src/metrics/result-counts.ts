import { Injectable } from '@nestjs/common';
import { Histograms, type HistogramValues } from './histogram.js';
import { priorityOf } from '../admission/new-refresh.js';
import type { RefreshProgress, ResultCount } from '../completion/refresh-progress.js';
import { verdictName, type VerdictName } from '../verdict.js';

/** The number of tokens of refreshes that ended with one verdict, since the process started. */
export interface CountedResults {
  verdict: VerdictName;
  /** Why they failed; empty for other verdicts. */
  reason: string;
  count: number;
}

/** The size of a refresh, by its number of tokens: up to 10, up to 100, and more. */
export type RefreshSize = 'interactive' | 'small' | 'large';

const SIZES: readonly RefreshSize[] = ['interactive', 'small', 'large'];
const SECONDS = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600];

/** Counts the results that this process has written since it started, and measures the refreshes that it has completed, for metrics. */
@Injectable()
export class ResultCounts {
  private readonly counts = new Map<string, CountedResults>();
  private readonly durations = new Histograms<RefreshSize>(SECONDS);

  /** Call this after the commit. */
  add(results: readonly ResultCount[]): void {
    for (const { verdict: stored, failure, tokens = 1 } of results) {
      const verdict = verdictName(stored);
      const reason = failure?.error.reason ?? '';
      const key = `${verdict}/${reason}`;
      const entry = this.counts.get(key) ?? { verdict, reason, count: 0 };
      entry.count += tokens;
      this.counts.set(key, entry);
    }
  }

  /** Call this after the commit. A refresh whose tokens were cancelled says nothing about how long one takes. */
  addCompleted(refreshes: readonly RefreshProgress[]): void {
    for (const { completed, cancelled, total, seconds } of refreshes) {
      if (completed && cancelled === 0) this.durations.record(SIZES[priorityOf(total)]!, seconds);
    }
  }

  read(): CountedResults[] {
    return [...this.counts.values()].map((entry) => ({ ...entry }));
  }

  /** How long refreshes took, from the acceptance or the beginning of a scheduled one to the last result, in seconds. */
  readDurations(): Map<RefreshSize, HistogramValues> {
    return this.durations.read();
  }
}
