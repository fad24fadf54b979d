import { Injectable } from '@nestjs/common';
import { Histogram, Histograms, type HistogramValues } from './histogram.js';
import { hostClassOf, type HostClass } from './host-class.js';

/** A claim for interactive requests alone, or for all. */
export type ClaimKind = 'any' | 'interactive';
/** A batch of results of interactive requests, or of all others. */
export type CompletionKind = 'bulk' | 'interactive';
/** What the worker does in the database. */
export type WorkerOperation = 'claim' | 'completion' | 'heartbeat';

/** What the worker of this process has done since it started. */
export interface WorkerMeasurements {
  claimSeconds: Map<ClaimKind, HistogramValues>;
  /** Of claims that found something. */
  claimTokens: HistogramValues;
  completionSeconds: Map<CompletionKind, HistogramValues>;
  completionResults: Map<CompletionKind, HistogramValues>;
  /** Tokens that were claimed before, by a worker that has neither completed nor released them. */
  lostTokens: number;
  /** Results of this worker that came after another one had claimed their tokens. */
  droppedResults: number;
  cooldowns: Map<HostClass, number>;
  failures: Map<WorkerOperation, number>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_SIZES = [1, 5, 10, 25, 50, 100, 250, 500, 1000];

/** Measures what the worker of this process does, for metrics. Nothing here is recorded for each token. */
@Injectable()
export class WorkerMetrics {
  private readonly claimSeconds = new Histograms<ClaimKind>(SECONDS);
  private readonly claimTokens = new Histogram(BATCH_SIZES);
  private readonly completionSeconds = new Histograms<CompletionKind>(SECONDS);
  private readonly completionResults = new Histograms<CompletionKind>(BATCH_SIZES);
  private readonly cooldowns = new Map<HostClass, number>();
  /** From 0 on, so that the first one is seen to be more than before. */
  private readonly failures = new Map<WorkerOperation, number>([
    ['claim', 0],
    ['completion', 0],
    ['heartbeat', 0],
  ]);
  private lostTokens = 0;
  private droppedResults = 0;

  recordClaim(
    kind: ClaimKind,
    milliseconds: number,
    { tokens, lostTokens }: { tokens: readonly unknown[]; lostTokens: number },
  ): void {
    this.claimSeconds.record(kind, milliseconds / 1000);
    if (tokens.length > 0) this.claimTokens.record(tokens.length);
    this.lostTokens += lostTokens;
  }

  /** After the commit. */
  recordCompletion(kind: CompletionKind, milliseconds: number, results: number): void {
    this.completionSeconds.record(kind, milliseconds / 1000);
    this.completionResults.record(kind, results);
  }

  /** The claim of these results was lost. */
  recordDropped(results: number): void {
    this.droppedResults += results;
  }

  /** A cooldown of this metadata host has started. */
  recordCooldown(host: string): void {
    const hostClass = hostClassOf(host);
    this.cooldowns.set(hostClass, (this.cooldowns.get(hostClass) ?? 0) + 1);
  }

  recordFailure(operation: WorkerOperation): void {
    this.failures.set(operation, this.failures.get(operation)! + 1);
  }

  read(): WorkerMeasurements {
    const { lostTokens, droppedResults } = this;
    return {
      claimSeconds: this.claimSeconds.read(),
      claimTokens: this.claimTokens.read(),
      completionSeconds: this.completionSeconds.read(),
      completionResults: this.completionResults.read(),
      lostTokens,
      droppedResults,
      cooldowns: new Map(this.cooldowns),
      failures: new Map(this.failures),
    };
  }
}
