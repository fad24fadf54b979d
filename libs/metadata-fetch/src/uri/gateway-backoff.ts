import { exponentialDelay } from '@app/safe-http';

const BACKOFF = { base: 1000, max: 60_000 };
/** A token URI may name a gateway that is used only once. */
const MAX_TRACKED_HOSTS = 1000;

interface FailingHost {
  /** In a row. */
  failures: number;
  /** In milliseconds of the clock. */
  retryAt: number;
}

/** A circuit breaker that orders gateways: those that failed lately come last. In memory, per process. */
export class GatewayBackoff {
  private readonly failing = new Map<string, FailingHost>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Keeps the order, with gateways in back-off last. Back-off is not a ban: a gateway without alternatives is used. */
  order<T extends { url: string }>(candidates: readonly T[]): T[] {
    if (this.failing.size === 0) return [...candidates];
    const isInBackoff = ({ url }: T) => (this.failing.get(hostOf(url))?.retryAt ?? 0) > this.now();
    return [...candidates.filter((candidate) => !isInBackoff(candidate)), ...candidates.filter(isInBackoff)];
  }

  recordSuccess(url: string): void {
    if (this.failing.size > 0) this.failing.delete(hostOf(url));
  }

  recordFailure(url: string): void {
    const failures = (this.failing.get(hostOf(url))?.failures ?? 0) + 1;
    this.failing.delete(hostOf(url));
    this.failing.set(hostOf(url), { failures, retryAt: this.now() + exponentialDelay(failures, BACKOFF) });
    if (this.failing.size > MAX_TRACKED_HOSTS) this.evictOldest();
  }

  private evictOldest(): void {
    const [oldest] = this.failing.keys();
    if (oldest !== undefined) this.failing.delete(oldest);
  }
}

const hostOf = (url: string) => new URL(url).host;
