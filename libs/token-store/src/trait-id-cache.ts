/** Of each of the two generations. With keys of up to MAX_KEY_LENGTH characters at most some 10 MB. */
const MAX_IDS = 20_000;
/** Long values are hardly shared by many tokens. */
const MAX_KEY_LENGTH = 150;

/**
 * Ids of trait values, by key, for values whose rows are committed. Bounded: when the young generation is full, what was
 * not used since the last time it was full is dropped.
 */
export class TraitIdCache {
  private young = new Map<string, number>();
  private old = new Map<string, number>();

  get(key: string): number | undefined {
    const id = this.young.get(key);
    if (id !== undefined) return id;
    const earlier = this.old.get(key);
    if (earlier !== undefined) this.set(key, earlier);
    return earlier;
  }

  set(key: string, id: number): void {
    if (key.length > MAX_KEY_LENGTH) return;
    if (this.young.size >= MAX_IDS) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, id);
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
  }
}
