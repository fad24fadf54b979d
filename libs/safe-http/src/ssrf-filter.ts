import { BlockList, isIP, SocketAddress, type LookupFunction } from 'node:net';

/** IPv4 ranges that are not public unicast (IANA's special-purpose registry), and the host service of Azure. */
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

/** Special ranges within 2000::/3, all of public IPv6: protocol assignments, documentation, prefixes that embed IPv4. */
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

/** Whether an address is global unicast. Embedded IPv4 is blocked, public or not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special.check(address, 'ipv4');
    case 6:
      // An address with a zone is valid on one link only.
      if (address.includes('%')) return false;
      return globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6') && !isIsatap(address);
    default:
      return false;
  }
}

/**
 * ISATAP (RFC 5214) embeds IPv4 under any prefix, public ones included: the interface identifier is 0:5efe or 200:5efe
 * followed by the IPv4 address. A machine with such a tunnel sends to that address.
 */
function isIsatap(address: string): boolean {
  const [, , , , fifth, sixth] = groupsOf(address);
  return sixth === '5efe' && (fifth === '0' || fifth === '200');
}

/** The eight groups of an IPv6 address, lower case, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail = ''] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
}

class BlockedAddress extends Error {
  readonly code = 'BLOCKED_ADDRESS';
}

/** The name resolves to no address. */
export class NoAddress extends Error {
  readonly code = 'ENODATA';
}

/**
 * The SSRF filter: wraps the lookup of a socket so that it returns public addresses only. The check is part of the connect,
 * so the socket connects to exactly the address that was checked, and DNS rebinding has no effect. One blocked address
 * among several blocks the name.
 */
export function publicLookup(lookup: LookupFunction): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, result) => {
      if (error) return callback(error, '', 0);
      const addresses = typeof result === 'string' ? [{ address: result, family: isIP(result) }] : result;
      const [first] = addresses;
      if (!first) return callback(new NoAddress('The host resolves to no address.'), '', 0);
      if (!addresses.every(({ address }) => isPublicAddress(address))) {
        return callback(new BlockedAddress('The host resolves to an address that is not public.'), '', 0);
      }
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
