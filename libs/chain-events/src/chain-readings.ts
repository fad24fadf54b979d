import { Injectable } from '@nestjs/common';

/** How many events of one kind this process has read from one chain since it started. */
export interface EventCount {
  chainId: number;
  /** A kind of event, or `undecodable`. */
  kind: string;
  count: number;
}

/** How many polls of one chain have failed in this process since it started. */
export interface PollFailureCount {
  chainId: number;
  /** A reason of a failed node, or `database`. */
  reason: string;
  count: number;
}

/** How far this process has read a chain. */
export interface ChainProgress {
  chainId: number;
  /** The newest block, and the newest one that was read. */
  headBlock: number;
  readBlock: number;
  /** Blocks of one call, as far as the provider allows it. */
  blocksPerCall: number;
}

/** What this process has read of chains, for metrics. */
@Injectable()
export class ChainReadings {
  private readonly events = new Map<string, EventCount>();
  private readonly failures = new Map<string, PollFailureCount>();
  private readonly progress = new Map<number, ChainProgress>();

  countEvent(chainId: number, kind: string): void {
    const key = `${chainId} ${kind}`;
    const entry = this.events.get(key) ?? { chainId, kind, count: 0 };
    entry.count += 1;
    this.events.set(key, entry);
  }

  countFailure(chainId: number, reason: string): void {
    const key = `${chainId} ${reason}`;
    const entry = this.failures.get(key) ?? { chainId, reason, count: 0 };
    entry.count += 1;
    this.failures.set(key, entry);
  }

  recordProgress(progress: ChainProgress): void {
    this.progress.set(progress.chainId, progress);
  }

  /** Another process reads the chain now, or none has to. */
  forgetProgress(chainId: number): void {
    this.progress.delete(chainId);
  }

  readEvents(): EventCount[] {
    return [...this.events.values()].map((entry) => ({ ...entry }));
  }

  readFailures(): PollFailureCount[] {
    return [...this.failures.values()].map((entry) => ({ ...entry }));
  }

  /** Of the chains that this process reads. */
  readProgress(): ChainProgress[] {
    return [...this.progress.values()];
  }
}
