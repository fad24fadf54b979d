import { Inject, Injectable } from '@nestjs/common';
import { MAX_BODY_BYTES } from './safe-http.limits.js';
import { SAFE_HTTP_CONFIG, type SafeHttpConfig } from './safe-http.options.js';

/** A larger body needs a permit. In bytes; real documents are a few kilobytes. */
export const LARGE_BODY = 256 * 1024;

/** Large bodies in the memory of one process at the same time: two of the largest take 10 MiB. */
const BUFFERS = 2;
/**
 * Attempts in the queue; each holds half a MiB that it has received. Above this limit the queue takes only the first
 * attempt of a collection, so that no collection is locked out.
 */
const MAX_WAITING = 64;

/** No buffer became free in time. Other bodies caused this, so it says nothing about the host. */
export class AcquireTimeout extends Error {
  readonly code = 'ACQUIRE_TIMEOUT';
}

/**
 * A fair semaphore that bounds the memory for large bodies. A body that proves large waits for one of a few buffers,
 * which applies backpressure to its host, and holds the buffer until its document is read. Collections take turns: one
 * whose bodies never end delays another one by one deadline at most.
 */
@Injectable()
export class BodyBufferPool {
  private readonly buffers = Array.from({ length: BUFFERS }, () => new BodyBuffer());
  /** By owner; the first one is next. */
  private readonly waiting = new Map<string, Set<OnAcquire>>();

  constructor(@Inject(SAFE_HTTP_CONFIG) private readonly config: Pick<SafeHttpConfig, 'largeBodyQueueTimeoutMs'>) {}

  /** The permit of one attempt. Acquire it only once the body proves large. */
  createPermit(): Permit {
    return new Permit(this, this.config.largeBodyQueueTimeoutMs);
  }

  /** Calls back with a buffer, now or when it is the owner's turn. False: the queue is full. */
  acquire(owner: string, onAcquire: OnAcquire): boolean {
    const free = this.buffers.find((buffer) => buffer.owner === undefined);
    const queued = this.waiting.get(owner);
    if (free) grant(free, owner, onAcquire);
    else if (!queued) this.waiting.set(owner, new Set([onAcquire]));
    else if (this.countWaiting() < MAX_WAITING) queued.add(onAcquire);
    else return false;
    return true;
  }

  /** Leaves the queue. */
  cancel(owner: string, onAcquire: OnAcquire): void {
    const queued = this.waiting.get(owner);
    queued?.delete(onAcquire);
    if (queued?.size === 0) this.waiting.delete(owner);
  }

  release(buffer: BodyBuffer): void {
    buffer.owner = undefined;
    const owners = [...this.waiting.keys()];
    // Owners without a buffer come first.
    const next = owners.find((owner) => this.buffers.every((one) => one.owner !== owner)) ?? owners[0];
    if (next === undefined) return;
    const [onAcquire, ...others] = this.waiting.get(next)!;
    // Round robin: the owner moves to the end of the queue.
    this.waiting.delete(next);
    if (others.length > 0) this.waiting.set(next, new Set(others));
    grant(buffer, next, onAcquire!);
  }

  private countWaiting(): number {
    return [...this.waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

function grant(buffer: BodyBuffer, owner: string, onAcquire: OnAcquire): void {
  buffer.owner = owner;
  onAcquire(buffer);
}

type OnAcquire = (buffer: BodyBuffer) => void;

const DO_NOTHING = () => {};

/** Lets one attempt hold one buffer at a time. All its waits together are limited by `largeBodyQueueTimeoutMs`. */
export class Permit {
  private buffer: BodyBuffer | undefined;
  private stopWaiting = DO_NOTHING;
  /** Whether the attempt is in the queue. */
  isWaiting = false;

  constructor(
    private readonly pool: BodyBufferPool,
    private remainingMs: number,
  ) {}

  /** Resolves with room for the largest body. Throws AcquireTimeout when the wait is over or the queue is full. */
  acquire(owner: string): Promise<Buffer> {
    const startedAt = performance.now();
    this.isWaiting = true;
    return new Promise((resolve, reject) => {
      const onAcquire = (buffer: BodyBuffer) => {
        this.stopWaiting();
        this.buffer = buffer;
        resolve(buffer.bytes);
      };
      const onTimeout = () => {
        this.stopWaiting();
        reject(new AcquireTimeout('All buffers for large bodies are in use.'));
      };
      const timer = setTimeout(onTimeout, this.remainingMs);
      this.stopWaiting = () => {
        clearTimeout(timer);
        this.pool.cancel(owner, onAcquire);
        this.remainingMs = Math.max(0, this.remainingMs - (performance.now() - startedAt));
        this.isWaiting = false;
        this.stopWaiting = DO_NOTHING;
      };
      if (!this.pool.acquire(owner, onAcquire)) onTimeout();
    });
  }

  /** Frees the buffer, or leaves the queue. Does nothing without either. */
  release(): void {
    this.stopWaiting();
    if (this.buffer) this.pool.release(this.buffer);
    this.buffer = undefined;
  }
}

class BodyBuffer {
  /** undefined: free. */
  owner: string | undefined;
  private memory?: Buffer;

  /**
   * Has the size of the largest body. Allocated once and reused, since freed buffers may stay in memory for long, and
   * shared with the thread that reads the document, which needs no copy.
   */
  get bytes(): Buffer {
    return (this.memory ??= Buffer.from(new SharedArrayBuffer(MAX_BODY_BYTES)));
  }
}
