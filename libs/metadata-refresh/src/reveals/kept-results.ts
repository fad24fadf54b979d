/** Results of different keys. */
const MAX_KEPT = 100;

/** Results that are expensive to compute: those who ask for one at the same time share it, and it can be kept for a while. */
export class KeptResults {
  private readonly entries = new Map<string, { result: Promise<unknown>; endsAt: number }>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(private readonly now = () => performance.now()) {}

  /**
   * With `keepMs` 0, only those who ask before it is computed share it. Of what `compute` throws, `isKept` selects what is kept: for as long
   * as it took, so that computing in vain takes at most half of the time.
   */
  async get<Result>(
    key: string,
    keepMs: number,
    compute: () => Promise<Result>,
    isKept: (error: unknown) => boolean = () => false,
  ): Promise<Result> {
    const kept = this.entries.get(key);
    if (kept && kept.endsAt > this.now()) return kept.result as Promise<Result>;
    this.entries.delete(key);
    this.makeRoom();
    const startedAt = this.now();
    const entry = { result: compute(), endsAt: Infinity };
    this.entries.set(key, entry);
    try {
      const result = await entry.result;
      entry.endsAt = this.now() + keepMs;
      return result;
    } catch (error) {
      const endedAt = this.now();
      entry.endsAt = isKept(error) ? endedAt + (endedAt - startedAt) : -Infinity;
      throw error;
    }
  }

  /** Removes expired results, and the oldest one if the cache is full. */
  private makeRoom(): void {
    const now = this.now();
    for (const [key, { endsAt }] of this.entries) if (endsAt <= now) this.entries.delete(key);
    const [oldest] = this.entries.keys();
    if (oldest !== undefined && this.entries.size >= MAX_KEPT) this.entries.delete(oldest);
  }
}
