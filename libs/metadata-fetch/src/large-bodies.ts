/** A body that is larger than this takes a seat. Real documents are a few kilobytes. */
export const LARGE_BODY = 256 * 1024;

/** Large bodies in memory at once, in one process: two of the largest are 10 MiB. */
const SEATS = 2;

/**
 * Bounds the memory that strangers can make us use: a body that turns out to be large is read on only when it has one
 * of a few seats, and keeps it until its document is read. The others wait, with their host's data still on the wire.
 */
export class LargeBodies {
  private free = SEATS;
  private readonly waiting: (() => void)[] = [];

  async take(): Promise<Seat> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((done) => this.waiting.push(done));
    return { leave: () => this.giveBack() };
  }

  private giveBack(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}

export interface Seat {
  leave(): void;
}
