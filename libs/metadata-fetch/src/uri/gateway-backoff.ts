/** How long a gateway that failed is asked last, in milliseconds; doubled with each further failure. */
const BASE_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 60_000;
/** Hosts that are remembered. */
const MAX_TRACKED_HOSTS = 1000;

interface Trouble {
  failures: number;
  restsUntil: number;
}

/** Which hosts have answered lately, so that a gateway in trouble is asked after the others. Known to this process. */
export class GatewayBackoff {
  private readonly troubles = new Map<string, Trouble>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** In the order given, those that are resting last. A rest is no ban: alone, such a gateway is asked. */
  order<T extends { url: string }>(candidates: readonly T[]): T[] {
    if (this.troubles.size === 0) return [...candidates];
    const rests = ({ url }: T) => (this.troubles.get(hostOf(url))?.restsUntil ?? 0) > this.now();
    return [...candidates.filter((candidate) => !rests(candidate)), ...candidates.filter(rests)];
  }

  noteAnswer(url: string): void {
    if (this.troubles.size > 0) this.troubles.delete(hostOf(url));
  }

  noteFailure(url: string): void {
    const failures = (this.troubles.get(hostOf(url))?.failures ?? 0) + 1;
    const restMs = Math.min(MAX_BACKOFF_MS, BASE_BACKOFF_MS * 2 ** Math.min(failures - 1, 10));
    this.troubles.delete(hostOf(url));
    this.troubles.set(hostOf(url), { failures, restsUntil: this.now() + restMs });
    if (this.troubles.size > MAX_TRACKED_HOSTS) this.forgetOldest();
  }

  /** A token URI may name a gateway that is asked once and never again. */
  private forgetOldest(): void {
    const [oldest] = this.troubles.keys();
    if (oldest !== undefined) this.troubles.delete(oldest);
  }
}

const hostOf = (url: string) => new URL(url).host;
