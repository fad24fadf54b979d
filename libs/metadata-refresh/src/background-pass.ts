import { outsideRequests } from '@app/logging';
import { DatabaseBackoff } from './database-backoff.js';

/** Interval of looks for work that another process has left. */
const POLL_INTERVAL_MS = 1000;

/**
 * Runs passes of work that any process may do, in the background or awaited, one at a time. A call while a pass is running is followed
 * by another pass.
 */
export class BackgroundPass {
  private readonly backoff = new DatabaseBackoff();
  private running: Promise<void> | undefined;
  private runAgain = false;
  private stopped = false;
  private polledAt = -Infinity;

  constructor(
    /** Does what is due. Ends early when the pass is stopped. */
    private readonly pass: () => Promise<void>,
    /** Is called for the errors that should be logged: another process, or the next call, continues. */
    private readonly onFailure: (error: unknown) => void,
  ) {}

  get isStopped(): boolean {
    return this.stopped;
  }

  /** Works in the background on what is due. */
  wake(): void {
    if (this.stopped) return;
    this.polledAt = performance.now();
    outsideRequests(() => this.run()).then(
      () => this.backoff.recordSuccess('pass'),
      (error: unknown) => {
        if (this.backoff.recordFailure('pass')) this.onFailure(error);
      },
    );
  }

  /** The same, at most once a second. */
  poll(): void {
    if (performance.now() - this.polledAt >= POLL_INTERVAL_MS && this.backoff.remainingMs() === 0) this.wake();
  }

  /** Works until nothing is due, also on what becomes due meanwhile. Throws the errors of the work. */
  run(): Promise<void> {
    this.runAgain = true;
    this.running ??= this.runPasses();
    return this.running;
  }

  /** Ends after the step that is running. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running?.catch(() => {});
  }

  private async runPasses(): Promise<void> {
    try {
      while (this.runAgain && !this.stopped) {
        this.runAgain = false;
        await this.pass();
      }
    } finally {
      this.running = undefined;
    }
  }
}
