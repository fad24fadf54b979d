/** The time that one attempt may take. It stands still while the attempt waits for something of ours, not the host's. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly end = () => this.controller.abort();
  private timer: NodeJS.Timeout | undefined;
  /** undefined: it stands still. */
  private runsSince: number | undefined;
  private unusedMs: number;
  private isCleared = false;

  constructor(
    ms: number,
    /** Ends the attempt as well. */
    private readonly outer?: AbortSignal,
  ) {
    this.unusedMs = ms;
    // A plain timer and listener: AbortSignal.timeout and .any cost more than all else on the way of a request.
    outer?.addEventListener('abort', this.end, { once: true });
    if (outer?.aborted) this.end();
    this.resume();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** What was not used of it. */
  get remainingMs(): number {
    const usedMs = this.runsSince === undefined ? 0 : performance.now() - this.runsSince;
    return Math.max(0, this.unusedMs - usedMs);
  }

  pause(): void {
    clearTimeout(this.timer);
    this.unusedMs = this.remainingMs;
    this.runsSince = undefined;
  }

  resume(): void {
    if (this.isCleared || this.runsSince !== undefined) return;
    this.runsSince = performance.now();
    this.timer = setTimeout(this.end, this.unusedMs);
  }

  /** No longer needed: it stands still from now on. */
  clear(): void {
    this.pause();
    this.isCleared = true;
    this.outer?.removeEventListener('abort', this.end);
  }
}
