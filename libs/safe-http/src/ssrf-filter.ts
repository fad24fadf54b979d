import { BlockList, isIP, SocketAddress, type LookupFunction } from 'node:net';

/** Everything in IPv4 that is not a public unicast address (IANA's special-purpose registry), and Azure's host service. */
const SPECIAL_IPV4: readonly [network: string, prefix: number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['168.63.129.16', 32],
];

/** Within 2000::/3, which is all of public IPv6: protocol assignments, documentation, and prefixes that embed IPv4. */
const SPECIAL_IPV6: readonly [network: string, prefix: number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
];

const special = new BlockList();
for (const [network, prefix] of SPECIAL_IPV4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6');
const globalUnicast = new BlockList();
globalUnicast.addSubnet('2000::', 3, 'ipv6');

/** Whether a metadata host may have this address: global unicast only. Embedded IPv4 is refused, public or not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      // An address with a zone means something on one link only.
      if (address.includes('%')) return false;
      return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6') && !isIsatap(address);
    default:
      return false;
  }
}

/**
 * ISATAP (RFC 5214) embeds IPv4 under any prefix, public ones included: the interface identifier is 0:5efe or 200:5efe
 * and the IPv4 address. A machine with such a tunnel sends to that one.
 */
function isIsatap(address: string): boolean {
  const [, , , , fifth, sixth] = groupsOf(address);
  return sixth === '5efe' && (fifth === '0' || fifth === '200');
}

/** The eight groups of an IPv6 address in lower case, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
}

class BlockedAddress extends Error {
  readonly code = 'BLOCKED_ADDRESS';
}

/** A name has none. */
export class NoAddress extends Error {
  readonly code = 'ENODATA';
}

/**
 * Resolves a name for a socket that is about to connect, and gives it public addresses only. The check is in the dial
 * itself, so the address that was checked is the one that is dialled. One bad address among several refuses the name.
 */
export function publicLookup(lookup: LookupFunction): LookupFunction {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, answer) => {
      if (error) return done(error, '', 0);
      const addresses = typeof answer === 'string' ? [{ address: answer, family: isIP(answer) }] : answer;
      const [first] = addresses;
      if (!first) return done(new NoAddress('The host resolves to no address.'), '', 0);
      if (!addresses.every(({ address }) => isPublicAddress(address))) {
        return done(new BlockedAddress('The host resolves to an address that is not public.'), '', 0);
      }
      if (options.all) return done(null, addresses);
      return done(null, first.address, first.family);
    });
  };
}
