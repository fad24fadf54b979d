/** The time limit of one attempt. Pause it while the attempt waits for a resource of this process instead of the host. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly abort = () => this.controller.abort();
  private timer: NodeJS.Timeout | undefined;
  /** undefined: paused. */
  private runningSince: number | undefined;
  private budgetMs: number;
  private isCleared = false;

  constructor(
    ms: number,
    /** Aborts the attempt as well. */
    private readonly outer?: AbortSignal,
  ) {
    this.budgetMs = ms;
    // A plain timer and listener: AbortSignal.timeout and .any cost more than the rest of a request together.
    outer?.addEventListener('abort', this.abort, { once: true });
    if (outer?.aborted) this.abort();
    this.resume();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get remainingMs(): number {
    const usedMs = this.runningSince === undefined ? 0 : performance.now() - this.runningSince;
    return Math.max(0, this.budgetMs - usedMs);
  }

  pause(): void {
    clearTimeout(this.timer);
    this.budgetMs = this.remainingMs;
    this.runningSince = undefined;
  }

  resume(): void {
    if (this.isCleared || this.runningSince !== undefined) return;
    this.runningSince = performance.now();
    this.timer = setTimeout(this.abort, this.budgetMs);
  }

  /** Stops the deadline for good: it no longer aborts, and resume() does nothing. */
  clear(): void {
    this.pause();
    this.isCleared = true;
    this.outer?.removeEventListener('abort', this.abort);
  }
}
