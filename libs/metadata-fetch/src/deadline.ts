/** The time that one attempt may take. It stands still while the attempt waits for something of ours, not the host's. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly end = () => this.controller.abort();
  private timer: NodeJS.Timeout | undefined;
  private runsSince = 0;
  private leftMs: number;
  private pauses = 0;

  constructor(
    ms: number,
    /** Ends the attempt as well. */
    private readonly outer?: AbortSignal,
  ) {
    this.leftMs = ms;
    // A plain timer and listener: AbortSignal.timeout and .any cost more than all else on the way of a request.
    outer?.addEventListener('abort', this.end, { once: true });
    if (outer?.aborted) this.end();
    this.run();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  pause(): void {
    this.pauses += 1;
    if (this.pauses > 1) return;
    clearTimeout(this.timer);
    this.leftMs -= performance.now() - this.runsSince;
  }

  resume(): void {
    this.pauses -= 1;
    if (this.pauses === 0) this.run();
  }

  /** No longer needed. */
  clear(): void {
    clearTimeout(this.timer);
    this.outer?.removeEventListener('abort', this.end);
  }

  private run(): void {
    this.runsSince = performance.now();
    this.timer = setTimeout(this.end, Math.max(0, this.leftMs));
  }
}
