import { Inject, Injectable } from '@nestjs/common';
import { MAX_BODY_BYTES } from './safe-http.limits.js';
import { SAFE_HTTP_CONFIG, type SafeHttpConfig } from './safe-http.options.js';

/** A body that is larger than this takes a seat. Real documents are a few kilobytes. */
export const LARGE_BODY = 256 * 1024;

/** Large bodies in memory at once, in one process: two of the largest are 10 MiB. */
const SEATS = 2;
/** Each with half a MiB of what has come. Beyond that only the first one of a collection waits: nobody is kept out. */
const MAX_WAITING = 64;

/** Others had the seats for too long. That is our doing, and says nothing of the host. */
export class AcquireTimeout extends Error {
  readonly code = 'ACQUIRE_TIMEOUT';
}

/**
 * Bounds the memory that strangers can make us use: a body that turns out to be large is read on only when it has one
 * of a few seats, and keeps it until its document is read. The others wait, with their host's data still on the wire.
 * Collections take turns: one whose bodies never end holds up another one until one of them has run into its deadline.
 */
@Injectable()
export class BodyBufferPool {
  private readonly seats = Array.from({ length: SEATS }, () => new Seat());
  /** By whose they are: the one whose turn is next comes first. */
  private readonly waiting = new Map<string, Set<OnTurn>>();

  constructor(@Inject(SAFE_HTTP_CONFIG) private readonly config: Pick<SafeHttpConfig, 'largeBodyQueueTimeoutMs'>) {}

  /** For one attempt. A seat is taken when there is something to sit down with. */
  place(): Place {
    return new Place(this, this.config.largeBodyQueueTimeoutMs);
  }

  /** Gives a seat, now or when it is its owner's turn. False: too many are waiting. */
  take(owner: string, onTurn: OnTurn): boolean {
    const seat = this.seats.find((one) => one.owner === undefined);
    const others = this.waiting.get(owner);
    if (seat) sitDown(seat, owner, onTurn);
    else if (!others) this.waiting.set(owner, new Set([onTurn]));
    else if (this.countWaiting() < MAX_WAITING) others.add(onTurn);
    else return false;
    return true;
  }

  /** No longer waited for. */
  withdraw(owner: string, onTurn: OnTurn): void {
    const others = this.waiting.get(owner);
    others?.delete(onTurn);
    if (others?.size === 0) this.waiting.delete(owner);
  }

  giveBack(seat: Seat): void {
    seat.owner = undefined;
    const owners = [...this.waiting.keys()];
    // Who sits has had a turn.
    const next = owners.find((owner) => this.seats.every((one) => one.owner !== owner)) ?? owners[0];
    if (next === undefined) return;
    const [onTurn, ...others] = this.waiting.get(next)!;
    // To the end of the line.
    this.waiting.delete(next);
    if (others.length > 0) this.waiting.set(next, new Set(others));
    sitDown(seat, next, onTurn!);
  }

  private countWaiting(): number {
    return [...this.waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

function sitDown(seat: Seat, owner: string, onTurn: OnTurn): void {
  seat.owner = owner;
  onTurn(seat);
}

type OnTurn = (seat: Seat) => void;

/** One attempt among those that may need a seat: it holds one at most, and waits for so long in all. */
export class Place {
  private seat: Seat | undefined;
  private stopWaiting = () => {};
  /** For a seat. */
  isWaiting = false;

  constructor(
    private readonly bodies: BodyBufferPool,
    private remainingMs: number,
  ) {}

  /** Room for a large body of this collection. Throws AcquireTimeout when the time to wait is over, or too many are waiting. */
  take(owner: string): Promise<Buffer> {
    const waitsSince = performance.now();
    this.isWaiting = true;
    return new Promise((done, fail) => {
      const onTurn = (seat: Seat) => {
        this.stopWaiting();
        this.seat = seat;
        done(seat.room);
      };
      const giveUp = () => {
        this.stopWaiting();
        fail(new AcquireTimeout('Large bodies of others are being read.'));
      };
      const timer = setTimeout(giveUp, this.remainingMs);
      this.stopWaiting = () => {
        clearTimeout(timer);
        this.bodies.withdraw(owner, onTurn);
        this.remainingMs = Math.max(0, this.remainingMs - (performance.now() - waitsSince));
        this.isWaiting = false;
        this.stopWaiting = () => {};
      };
      if (!this.bodies.take(owner, onTurn)) giveUp();
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
  /** Whose body is here. */
  owner: string | undefined;
  private bytes?: Buffer;

  /**
   * Room for the largest body: the same for everybody who sits here, since what one leaves behind may stay in memory for
   * long, and shared with the thread that reads it, so that it needs no copy.
   */
  get room(): Buffer {
    return (this.bytes ??= Buffer.from(new SharedArrayBuffer(MAX_BODY_BYTES)));
  }
}
