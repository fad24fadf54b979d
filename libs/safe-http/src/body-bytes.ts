/** Enough for most documents, in bytes. */
const MIN_CAPACITY = 4096;
const NO_BYTES = Buffer.alloc(0);

/**
 * Collects the bytes of a body. Chunks are copied into one buffer at once: a host may send every byte in a chunk of its
 * own, and a list of those would take a hundred times the memory of the body.
 */
export class BodyBytes {
  length = 0;
  private bytes: Buffer = NO_BYTES;
  /** The first chunk is used without a copy, since most bodies are one chunk. */
  private isOwned = false;

  /** The caller enforces the size limit. */
  append(chunk: Buffer): void {
    const before = this.length;
    this.length += chunk.length;
    if (before === 0) {
      this.bytes = chunk;
    } else {
      if (!this.isOwned || this.length > this.bytes.length) {
        this.moveTo(Buffer.allocUnsafeSlow(Math.max(MIN_CAPACITY, 2 * this.length)), before);
      }
      chunk.copy(this.bytes, before);
    }
  }

  /** Copies the bytes into this buffer and continues there. */
  moveTo(buffer: Buffer, length = this.length): void {
    this.bytes.copy(buffer, 0, 0, length);
    this.bytes = buffer;
    this.isOwned = true;
  }

  /** At most this many bytes, from the start. */
  head(maxLength: number): Buffer {
    const length = Math.min(this.length, maxLength);
    return length === this.bytes.length ? this.bytes : this.bytes.subarray(0, length);
  }
}
