import type { RequestSignal } from './request-signal.js';

/**
 * The time limit of one attempt. Pause it while the attempt waits for a resource of this process instead of the host. Every
 * fetch has one, so it is neither an EventTarget nor a timer of its own: an AbortController with a timer, and a listener on
 * the worker's signal, once took a tenth of a fetch's CPU time.
 */
export class Deadline implements RequestSignal {
  aborted = false;
  /** On the clock of `performance.now()`. Infinity: paused. */
  private endsAt = Infinity;
  /** What remains of the time while it is paused. */
  private budgetMs: number;
  private isCleared = false;
  private listeners: (() => void)[] = [];
  private readonly outer: OuterSignal | undefined;

  /** @param outer Aborts the attempt as well. */
  constructor(ms: number, outer?: RequestSignal) {
    this.budgetMs = ms;
    if (outer) this.outer = OuterSignal.of(outer);
    this.outer?.add(this);
    if (outer?.aborted) this.abort();
    else this.resume();
  }

  get remainingMs(): number {
    return this.isRunning ? Math.max(0, this.endsAt - performance.now()) : this.budgetMs;
  }

  pause(): void {
    if (!this.isRunning) return;
    this.budgetMs = this.remainingMs;
    this.endsAt = Infinity;
    timer.delete(this);
  }

  resume(): void {
    if (this.isCleared || this.isRunning) return;
    this.endsAt = performance.now() + this.budgetMs;
    timer.add(this, this.endsAt);
  }

  /** Stops the deadline for good: it no longer aborts, and resume() does nothing. */
  clear(): void {
    if (this.isCleared) return;
    this.pause();
    this.isCleared = true;
    this.outer?.delete(this);
  }

  /** Ends the attempt now. */
  abort(): void {
    if (this.isCleared) return;
    this.clear();
    this.aborted = true;
    for (const listener of this.listeners.splice(0)) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.listeners.indexOf(listener);
    if (index !== -1) this.listeners.splice(index, 1);
  }

  private get isRunning(): boolean {
    return this.endsAt !== Infinity;
  }
}

/** The longest delay of setTimeout, which takes a longer one for none. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** One timer for all running deadlines: it fires when the first of them ends. */
class DeadlineTimer {
  /** When each ends. */
  private readonly running = new Map<Deadline, number>();
  private timeout: NodeJS.Timeout | undefined;
  private firesAt = Infinity;

  add(deadline: Deadline, endsAt: number): void {
    this.running.set(deadline, endsAt);
    if (endsAt < this.firesAt) this.fireAt(endsAt);
  }

  delete(deadline: Deadline): void {
    this.running.delete(deadline);
    if (this.running.size === 0) this.fireAt(Infinity);
  }

  private fireAt(time: number): void {
    clearTimeout(this.timeout);
    this.firesAt = time;
    if (time === Infinity) return;
    const delay = Math.min(Math.max(0, Math.ceil(time - performance.now())), MAX_DELAY_MS);
    this.timeout = setTimeout(this.fire, delay);
  }

  private readonly fire = (): void => {
    const now = performance.now();
    for (const [deadline, endsAt] of this.running) if (endsAt <= now) deadline.abort();
    this.fireAt(Math.min(...this.running.values()));
  };
}

const timer = new DeadlineTimer();

/** One listener on a signal for all deadlines that it ends: an EventTarget searches its listeners at every change. */
class OuterSignal {
  private static readonly known = new WeakMap<RequestSignal, OuterSignal>();
  private readonly deadlines = new Set<Deadline>();

  static of(signal: RequestSignal): OuterSignal {
    const known = this.known.get(signal) ?? new OuterSignal(signal);
    this.known.set(signal, known);
    return known;
  }

  private constructor(private readonly signal: RequestSignal) {}

  add(deadline: Deadline): void {
    if (this.deadlines.size === 0) this.signal.addEventListener('abort', this.abortAll);
    this.deadlines.add(deadline);
  }

  delete(deadline: Deadline): void {
    this.deadlines.delete(deadline);
    if (this.deadlines.size === 0) this.signal.removeEventListener('abort', this.abortAll);
  }

  private readonly abortAll = (): void => {
    for (const deadline of this.deadlines) deadline.abort();
  };
}
