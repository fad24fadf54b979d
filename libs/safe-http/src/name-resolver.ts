import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { NoAddress } from './ssrf-filter.js';

/** Share of the timeout that a name server gets for its first response, so that a dead one leaves time for the next. */
const FIRST_TRY_FRACTION = 1 / 4;
const TRIES = 2;
/**
 * Once one address family has resolved, the other one gets at most this share of the timeout, since some name servers never
 * respond for it. Longer than a first try: its query may have been lost, and the first family may not be reachable.
 */
const SECOND_FAMILY_FRACTION = 2 / 5;

/**
 * A DNS resolver with a bounded timeout that blocks no thread: `getaddrinfo` holds one of libuv's four threads for as long as
 * a name server hangs. It does not read the hosts file or search domains, which name this machine and its network. It
 * caches nothing.
 */
export class NameResolver {
  /** Queries in flight. Another caller joins one, unless one of its tries has timed out. */
  private readonly pending = new Map<string, { since: number; addresses: Promise<LookupAddress[]> }>();

  constructor(
    /** For all queries about one name, in milliseconds. */
    private readonly timeoutMs: number,
    /** `IP` or `IP:port`; undefined: the system's. */
    private readonly nameServers: readonly string[] | undefined,
  ) {}

  /** Like `dns.lookup`, with both address families, IPv4 first. */
  readonly lookup: LookupFunction = (name, { all }, callback) => {
    this.resolve(name).then(
      (addresses) => (all ? callback(null, addresses) : callback(null, addresses[0]!.address, addresses[0]!.family)),
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

  private resolve(name: string): Promise<LookupAddress[]> {
    const now = performance.now();
    const pending = this.pending.get(name);
    if (pending && now - pending.since < this.timeoutMs * FIRST_TRY_FRACTION) return pending.addresses;
    const own = {
      since: now,
      addresses: this.query(name).finally(() => {
        if (this.pending.get(name) === own) this.pending.delete(name);
      }),
    };
    this.pending.set(name, own);
    return own.addresses;
  }

  private async query(name: string): Promise<LookupAddress[]> {
    // A resolver per name can be cancelled alone, uses a port of its own, and sees changes of resolv.conf.
    const resolver = new Resolver({ timeout: Math.ceil(this.timeoutMs * FIRST_TRY_FRACTION), tries: TRIES });
    if (this.nameServers) resolver.setServers(this.nameServers);
    const cancel = () => resolver.cancel();
    const startedAt = performance.now();
    let timer = setTimeout(cancel, this.timeoutMs);
    const queryFamily = async (family: 4 | 6) => {
      const addresses = await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name));
      clearTimeout(timer);
      const remainingMs = this.timeoutMs - (performance.now() - startedAt);
      timer = setTimeout(cancel, Math.min(this.timeoutMs * SECOND_FAMILY_FRACTION, remainingMs));
      return addresses.map((address) => ({ address, family }));
    };
    const results = await Promise.allSettled([queryFamily(4), queryFamily(6)]);
    clearTimeout(timer);
    const addresses = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    if (addresses.length > 0) return addresses;
    throw results[0].status === 'rejected' ? results[0].reason : new NoAddress('The name has no address.');
  }
}
