import { Inject, Injectable } from '@nestjs/common';
import { LARGEST_DOCUMENT } from './fetch-limits.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from './metadata-fetch.options.js';

/** A body that is larger than this takes a seat. Real documents are a few kilobytes. */
export const LARGE_BODY = 256 * 1024;

/** Large bodies in memory at once, in one process: two of the largest are 10 MiB. */
const SEATS = 2;

/** Others had the seats for too long. That is our doing, and says nothing of the host. */
export class NoSeat extends Error {
  readonly code = 'NO_SEAT';
}

/**
 * Bounds the memory that strangers can make us use: a body that turns out to be large is read on only when it has one
 * of a few seats, and keeps it until its document is read. The others wait, with their host's data still on the wire.
 * Hosts take turns: one whose bodies never end holds up another one until one of them has run into its deadline.
 */
@Injectable()
export class LargeBodies {
  private readonly free: Seat[] = Array.from({ length: SEATS }, () => new Seat());
  /** By host: the one whose turn is next comes first. */
  private readonly waiting = new Map<string, Set<OnTurn>>();

  constructor(@Inject(METADATA_FETCH_CONFIG) private readonly config: Pick<MetadataFetchConfig, 'largeBodyWaitMs'>) {}

  /** For one attempt. A seat is taken when there is something to sit down with. */
  place(): Place {
    return new Place(this, this.config.largeBodyWaitMs);
  }

  /** Gives a seat, now or when it is this host's turn. */
  take(host: string, onTurn: OnTurn): void {
    const seat = this.free.pop();
    if (seat) return onTurn(seat);
    const others = this.waiting.get(host);
    if (others) others.add(onTurn);
    else this.waiting.set(host, new Set([onTurn]));
  }

  /** No longer waited for. */
  withdraw(host: string, onTurn: OnTurn): void {
    const others = this.waiting.get(host);
    others?.delete(onTurn);
    if (others?.size === 0) this.waiting.delete(host);
  }

  giveBack(seat: Seat): void {
    const [first] = this.waiting;
    if (!first) return void this.free.push(seat);
    const [host, waiting] = first;
    const [onTurn] = waiting;
    waiting.delete(onTurn!);
    this.waiting.delete(host);
    // To the end of the line.
    if (waiting.size > 0) this.waiting.set(host, waiting);
    onTurn!(seat);
  }
}

type OnTurn = (seat: Seat) => void;

/** One attempt among those that may need a seat: it holds one at most, and waits for so long in all. */
export class Place {
  private seat: Seat | undefined;
  private stopWaiting = () => {};
  /** For a seat. */
  isWaiting = false;

  constructor(
    private readonly bodies: LargeBodies,
    private leftMs: number,
  ) {}

  /** Room for a large body of this host. Throws NoSeat when the time to wait is over. */
  take(host: string): Promise<Buffer> {
    const waitsSince = performance.now();
    this.isWaiting = true;
    return new Promise((done, fail) => {
      const onTurn = (seat: Seat) => {
        this.stopWaiting();
        this.seat = seat;
        done(seat.room);
      };
      const timer = setTimeout(() => {
        this.stopWaiting();
        fail(new NoSeat('Large bodies of others are being read.'));
      }, this.leftMs);
      this.stopWaiting = () => {
        clearTimeout(timer);
        this.bodies.withdraw(host, onTurn);
        this.leftMs = Math.max(0, this.leftMs - (performance.now() - waitsSince));
        this.isWaiting = false;
        this.stopWaiting = () => {};
      };
      this.bodies.take(host, onTurn);
    });
  }

  /** The body was read, or is waited for no longer. */
  leave(): void {
    this.stopWaiting();
    if (this.seat) this.bodies.giveBack(this.seat);
    this.seat = undefined;
  }
}

class Seat {
  private bytes?: Buffer;

  /**
   * Room for the largest body: the same for everybody who sits here, since what one leaves behind may stay in memory for
   * long, and shared with the thread that reads it, so that it needs no copy.
   */
  get room(): Buffer {
    return (this.bytes ??= Buffer.from(new SharedArrayBuffer(LARGEST_DOCUMENT)));
  }
}
