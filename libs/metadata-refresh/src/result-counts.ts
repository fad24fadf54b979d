import { Injectable } from '@nestjs/common';
import type { ResultCount } from './refresh-progress.js';
import { verdictName, type VerdictName } from './verdict.js';

/** The number of tokens of refreshes that ended with one verdict, since the process started. */
export interface CountedResults {
  verdict: VerdictName;
  /** Why they failed; empty for other verdicts. */
  reason: string;
  count: number;
}

/** Counts the results that this process has written since it started, for metrics. */
@Injectable()
export class ResultCounts {
  private readonly counts = new Map<string, CountedResults>();

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

  read(): CountedResults[] {
    return [...this.counts.values()].map((entry) => ({ ...entry }));
  }
}
