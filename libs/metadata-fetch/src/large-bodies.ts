import { LARGEST_DOCUMENT } from './fetch-limits.js';

/** A body that is larger than this takes a seat. Real documents are a few kilobytes. */
export const LARGE_BODY = 256 * 1024;

/** Large bodies in memory at once, in one process: two of the largest are 10 MiB. */
const SEATS = 2;

/**
 * Bounds the memory that strangers can make us use: a body that turns out to be large is read on only when it has one
 * of a few seats, and keeps it until its document is read. The others wait, with their host's data still on the wire.
 */
export class LargeBodies {
  private readonly free: Seat[] = Array.from({ length: SEATS }, () => new Seat(this));
  private readonly waiting: ((seat: Seat) => void)[] = [];

  async take(): Promise<Seat> {
    return this.free.pop() ?? new Promise((done) => this.waiting.push(done));
  }

  giveBack(seat: Seat): void {
    const next = this.waiting.shift();
    if (next) next(seat);
    else this.free.push(seat);
  }
}

export class Seat {
  private bytes?: Buffer;

  constructor(private readonly seats: LargeBodies) {}

  /**
   * Room for the largest body: the same for everybody who sits here, since what one leaves behind may stay in memory for
   * long, and shared with the thread that reads it, so that it needs no copy.
   */
  get room(): Buffer {
    return (this.bytes ??= Buffer.from(new SharedArrayBuffer(LARGEST_DOCUMENT)));
  }

  leave(): void {
    this.seats.giveBack(this);
  }
}
