/** Enough for most documents. */
const MIN_CAPACITY = 4096;

/**
 * The bytes of a body as they come. They are copied together at once, since a host may send each in a chunk of its own,
 * and a list of those would take a hundred times the memory of the body.
 */
export class BodyBytes {
  length = 0;
  private bytes: Buffer = Buffer.alloc(0);
  /** The first chunk is taken as it is: most bodies are one. */
  private isOurs = false;

  /** The caller keeps to a limit. */
  add(chunk: Buffer): void {
    const before = this.length;
    this.length += chunk.length;
    if (before === 0) {
      this.bytes = chunk;
    } else {
      if (!this.isOurs || this.length > this.bytes.length) this.moveTo(Buffer.allocUnsafeSlow(this.roomFor()), before);
      chunk.copy(this.bytes, before);
    }
  }

  /** Goes on there. */
  moveTo(room: Buffer, length = this.length): void {
    this.bytes.copy(room, 0, 0, length);
    this.bytes = room;
    this.isOurs = true;
  }

  /** All that came, or its beginning. */
  take(atMost: number): Buffer {
    return this.bytes.subarray(0, Math.min(this.length, atMost));
  }

  private roomFor(): number {
    return Math.max(MIN_CAPACITY, 2 * this.length);
  }
}
