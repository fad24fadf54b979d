import { AsyncLocalStorage } from 'node:async_hooks';
import { EntityManager } from '@mikro-orm/postgresql';
import { boundedRead } from '@app/database';
import { Injectable } from '@nestjs/common';
import { ReadsBusy } from '../metadata-refresh.errors.js';

const MAX_READS = 4;
const MAX_WAIT_MS = 1000;
const PATIENT_WAIT_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 2000;

/** How long a read waits for its turn: a second at most if nothing else is said. */
interface Patience {
  maxWaitMs?: number;
}

/** Lets so many reads of this process run at the same time, four if nothing else is said; a further one waits for its turn. */
export class ReadGate {
  private running = 0;
  /** Those that wait, in turn. */
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly maxReads = MAX_READS) {}

  /** Throws ReadsBusy. */
  async run<Result>(work: () => Promise<Result>, { maxWaitMs = MAX_WAIT_MS }: Patience = {}): Promise<Result> {
    await this.enter(maxWaitMs);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(maxWaitMs: number): Promise<void> {
    if (this.running < this.maxReads) {
      this.running += 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    this.waiting.push(turn.resolve);
    const timer = setTimeout(() => {
      const index = this.waiting.indexOf(turn.resolve);
      if (index < 0) return;
      this.waiting.splice(index, 1);
      turn.reject(new ReadsBusy());
    }, maxWaitMs);
    try {
      await turn.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Hands the place to the next one. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.running -= 1;
  }
}

/** Reads for pages that people look at: they can slow each other down, and never the queue. */
@Injectable()
export class BoundedReads {
  private readonly gate = new ReadGate();
  private readonly patience = new AsyncLocalStorage<Patience>();

  constructor(private readonly em: EntityManager) {}

  /**
   * Runs `work` in a read-only transaction in which each statement may take two seconds: readers of our modules that it calls are in
   * it. Four run at once in a process. `now` is the clock of the database. Throws ReadsBusy.
   */
  run<Result>(work: (now: Date) => Promise<Result>): Promise<Result> {
    const bounds = { statementTimeoutMs: STATEMENT_TIMEOUT_MS };
    return this.gate.run(() => boundedRead(this.em, bounds, work), this.patience.getStore());
  }

  /**
   * Reads in `work` wait half a minute for their turn: those that must not fail because others read, such as the next page of a
   * download that has begun.
   */
  runPatiently<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.patience.run({ maxWaitMs: PATIENT_WAIT_MS }, work);
  }
}
