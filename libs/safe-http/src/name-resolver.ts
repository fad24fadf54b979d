import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { NoAddress } from './ssrf-filter.js';

/** Of the time for a name: what one name server gets for its first answer, so that a dead one leaves time for the next. */
const FIRST_TRY_FRACTION = 1 / 4;
const TRIES = 2;
/**
 * One kind of address is there: the other one gets so much of the time, if it is left, as some name servers never answer for it.
 * Longer than a first try, since its question may have been lost, and the kind that came first may lead nowhere.
 */
const SECOND_FAMILY_FRACTION = 2 / 5;

/**
 * Asks name servers for the names of strangers' hosts, within a bounded time and without a thread: the system's resolver
 * holds one of libuv's for as long as a name server hangs, and a process has four of them for everything. Neither the
 * hosts file nor search domains are read: they have names of this machine and its network. Nothing is remembered.
 */
export class NameResolver {
  /** Questions that are under way: whoever asks the same joins, unless one of its tries is over. */
  private readonly asking = new Map<string, { since: number; addresses: Promise<LookupAddress[]> }>();

  constructor(
    /** For all questions about one name, in milliseconds. */
    private readonly timeoutMs: number,
    /** `IP` or `IP:port`; undefined: the system's. */
    private readonly nameServers: readonly string[] | undefined,
  ) {}

  /** As `dns.lookup`, of all kinds of addresses, IPv4 first. */
  readonly lookup: LookupFunction = (name, { all }, done) => {
    this.resolve(name).then(
      (addresses) => (all ? done(null, addresses) : done(null, addresses[0]!.address, addresses[0]!.family)),
      (error: NodeJS.ErrnoException) => done(error, ''),
    );
  };

  private resolve(name: string): Promise<LookupAddress[]> {
    const now = performance.now();
    const asked = this.asking.get(name);
    if (asked && now - asked.since < this.timeoutMs * FIRST_TRY_FRACTION) return asked.addresses;
    const mine = {
      since: now,
      addresses: this.ask(name).finally(() => {
        if (this.asking.get(name) === mine) this.asking.delete(name);
      }),
    };
    this.asking.set(name, mine);
    return mine.addresses;
  }

  private async ask(name: string): Promise<LookupAddress[]> {
    // One for each name: it can be cancelled alone, asks from a port of its own, and knows of changes to resolv.conf.
    const resolver = new Resolver({ timeout: Math.ceil(this.timeoutMs * FIRST_TRY_FRACTION), tries: TRIES });
    if (this.nameServers) resolver.setServers(this.nameServers);
    const cancel = () => resolver.cancel();
    const startedAt = performance.now();
    let timer = setTimeout(cancel, this.timeoutMs);
    const ofKind = async (family: 4 | 6) => {
      const addresses = await (family === 4 ? resolver.resolve4(name) : resolver.resolve6(name));
      clearTimeout(timer);
      const remainingMs = this.timeoutMs - (performance.now() - startedAt);
      timer = setTimeout(cancel, Math.min(this.timeoutMs * SECOND_FAMILY_FRACTION, remainingMs));
      return addresses.map((address) => ({ address, family }));
    };
    const answers = await Promise.allSettled([ofKind(4), ofKind(6)]);
    clearTimeout(timer);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    throw answers[0].status === 'rejected' ? answers[0].reason : new NoAddress('The name has no address.');
  }
}
