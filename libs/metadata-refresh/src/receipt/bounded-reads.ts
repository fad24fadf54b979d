import { EntityManager } from '@mikro-orm/postgresql';
import { boundedRead } from '@app/database';
import { Injectable } from '@nestjs/common';
import { ReadsBusy } from '../metadata-refresh.errors.js';

const MAX_READS = 4;
const MAX_WAIT_MS = 1000;
const STATEMENT_TIMEOUT_MS = 2000;

/** Lets so many reads of this process run at the same time, four if nothing else is said; a further one waits for a second at most. */
export class ReadGate {
  private running = 0;
  /** Those that wait, in turn. */
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly maxReads = MAX_READS) {}

  /** Throws ReadsBusy. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
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
    }, MAX_WAIT_MS);
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

  constructor(private readonly em: EntityManager) {}

  /**
   * Runs `work` in a read-only transaction in which each statement may take two seconds: readers of our modules that it calls are in
   * it. Four run at once in a process. `now` is the clock of the database. Throws ReadsBusy.
   */
  run<Result>(work: (now: Date) => Promise<Result>): Promise<Result> {
    return this.gate.run(() => boundedRead(this.em, { statementTimeoutMs: STATEMENT_TIMEOUT_MS }, work));
  }
}
