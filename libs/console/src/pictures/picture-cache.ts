import { createHash } from 'node:crypto';
import type { PictureType } from '@app/metadata-fetch';

const MAX_BYTES = 32 * 1024 * 1024;
/** After that, what is at the URL may be another picture. */
const MAX_AGE_MS = 300_000;

export interface Picture {
  type: PictureType;
  body: Buffer;
}

interface Entry extends Picture {
  loadedAt: number;
}

/** The pictures that were loaded last, in memory. */
export class PictureCache {
  /** The one that was used last is the last one. */
  private readonly entries = new Map<string, Entry>();
  private bytes = 0;

  find(wanted: { imageUrl: string; contentHash: string }): Picture | undefined {
    const key = keyOf(wanted);
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.remove(key, entry);
    if (performance.now() - entry.loadedAt > MAX_AGE_MS) return undefined;
    this.insert(key, entry);
    return entry;
  }

  add(wanted: { imageUrl: string; contentHash: string }, { type, body }: Picture): Picture {
    const key = keyOf(wanted);
    const before = this.entries.get(key);
    if (before) this.remove(key, before);
    // A copy: a buffer of its own may be larger than its content.
    const entry = { type, body: Buffer.from(body), loadedAt: performance.now() };
    this.insert(key, entry);
    for (const [oldest, least] of this.entries) {
      if (this.bytes <= MAX_BYTES) break;
      this.remove(oldest, least);
    }
    return entry;
  }

  private insert(key: string, entry: Entry): void {
    this.entries.set(key, entry);
    this.bytes += entry.body.length;
  }

  private remove(key: string, entry: Entry): void {
    this.entries.delete(key);
    this.bytes -= entry.body.length;
  }
}

/** The URL can be a `data:` URI of megabytes. */
function keyOf({ imageUrl, contentHash }: { imageUrl: string; contentHash: string }): string {
  return createHash('sha256').update(contentHash).update('\0').update(imageUrl).digest('base64url');
}
