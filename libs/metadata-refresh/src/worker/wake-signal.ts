/** Wakes a loop that waits for work. A wake-up while the loop is busy is not lost: its next wait ends at once. */
export class WakeSignal {
  private isPending = false;
  private resume: (() => void) | undefined;

  wake(): void {
    if (this.resume) this.resume();
    else this.isPending = true;
  }

  /** Ends at the next wake-up, or after `timeoutMs`. Only one loop may wait at a time. */
  wait(timeoutMs?: number): Promise<void> {
    if (this.isPending) {
      this.isPending = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => this.resume?.(), Math.max(0, Math.ceil(timeoutMs)));
      this.resume = () => {
        this.resume = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Also wakes the loop when `signal` is aborted, so that it can end. */
  wakeOnAbort(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.wake(), { once: true });
  }
}
