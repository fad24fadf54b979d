import type { LookupAddress } from 'node:dns';
import { isIP, isIPv6, type LookupFunction } from 'node:net';
import { publicLookup } from './ssrf-filter.js';
import { checkUrl } from './url-rules.js';

type LookupResult = string[] | Error;

/** A resolver that returns these results, one per query; the last one repeats. */
function resolverOf(...results: [LookupResult, ...LookupResult[]]): LookupFunction {
  return (_, __, callback) => {
    const [result] = results.length > 1 ? results.splice(0, 1) : results;
    if (result instanceof Error) return callback(result, []);
    callback(null, result!.map(toLookupAddress));
  };
}

const toLookupAddress = (address: string): LookupAddress => ({ address, family: isIP(address) });

/** The result for a socket that connects to a name: addresses, or the code of an error. */
function connect(lookup: LookupFunction, options: { all: boolean } = { all: true }): Promise<string | string[]> {
  return new Promise((resolve) => {
    lookup('host.example', options, (error, result) => {
      if (error) return resolve(error.code ?? 'no code');
      resolve(typeof result === 'string' ? result : result.map(({ address }) => address));
    });
  });
}

const CONNECTED = 'connected';

/** Checks an address as the host of a URL and as the result of a lookup, which must agree. */
async function check(address: string): Promise<string> {
  const checked = checkUrl(`http://${isIPv6(address) ? `[${address}]` : address}/1.json`, {
    allowedHosts: new Set(),
    extraPorts: new Set(),
  });
  const inUrl = checked.kind === 'refused' ? checked.reason : CONNECTED;
  const connected = await connect(publicLookup(resolverOf([address])));
  const byLookup = connected === 'BLOCKED_ADDRESS' ? 'blocked_address' : connected;
  if (byLookup === inUrl) return inUrl;
  if (inUrl === CONNECTED && byLookup[0] === address) return CONNECTED;
  return `${inUrl} in a URL, ${String(byLookup)} by lookup`;
}

interface Range {
  range: string;
  first: string;
  last: string;
  /** The addresses just outside of the range that are public. */
  neighbours: string[];
}

/** IANA's special-purpose registries, the multicast and reserved blocks, and ranges outside of global unicast. */
const RANGES: Range[] = [
  { range: '"this network"', first: '0.0.0.0', last: '0.255.255.255', neighbours: ['1.0.0.0'] },
  {
    range: 'the private 10.0.0.0/8',
    first: '10.0.0.0',
    last: '10.255.255.255',
    neighbours: ['9.255.255.255', '11.0.0.0'],
  },
  {
    range: 'carrier-grade NAT',
    first: '100.64.0.0',
    last: '100.127.255.255',
    neighbours: ['100.63.255.255', '100.128.0.0'],
  },
  { range: 'loopback', first: '127.0.0.0', last: '127.255.255.255', neighbours: ['126.255.255.255', '128.0.0.0'] },
  {
    range: 'IPv4 link-local',
    first: '169.254.0.0',
    last: '169.254.255.255',
    neighbours: ['169.253.255.255', '169.255.0.0'],
  },
  {
    range: 'the private 172.16.0.0/12',
    first: '172.16.0.0',
    last: '172.31.255.255',
    neighbours: ['172.15.255.255', '172.32.0.0'],
  },
  {
    range: 'IETF protocol assignments',
    first: '192.0.0.0',
    last: '192.0.0.255',
    neighbours: ['191.255.255.255', '192.0.1.0'],
  },
  {
    range: 'documentation, TEST-NET-1',
    first: '192.0.2.0',
    last: '192.0.2.255',
    neighbours: ['192.0.1.255', '192.0.3.0'],
  },
  {
    range: 'AS112, IPv4',
    first: '192.31.196.0',
    last: '192.31.196.255',
    neighbours: ['192.31.195.255', '192.31.197.0'],
  },
  {
    range: 'automatic multicast tunneling',
    first: '192.52.193.0',
    last: '192.52.193.255',
    neighbours: ['192.52.192.255', '192.52.194.0'],
  },
  { range: '6to4 relays', first: '192.88.99.0', last: '192.88.99.255', neighbours: ['192.88.98.255', '192.88.100.0'] },
  {
    range: 'the private 192.168.0.0/16',
    first: '192.168.0.0',
    last: '192.168.255.255',
    neighbours: ['192.167.255.255', '192.169.0.0'],
  },
  {
    range: 'AS112, direct delegation, IPv4',
    first: '192.175.48.0',
    last: '192.175.48.255',
    neighbours: ['192.175.47.255', '192.175.49.0'],
  },
  { range: 'benchmarking', first: '198.18.0.0', last: '198.19.255.255', neighbours: ['198.17.255.255', '198.20.0.0'] },
  {
    range: 'documentation, TEST-NET-2',
    first: '198.51.100.0',
    last: '198.51.100.255',
    neighbours: ['198.51.99.255', '198.51.101.0'],
  },
  {
    range: 'documentation, TEST-NET-3',
    first: '203.0.113.0',
    last: '203.0.113.255',
    neighbours: ['203.0.112.255', '203.0.114.0'],
  },
  { range: 'IPv4 multicast', first: '224.0.0.0', last: '239.255.255.255', neighbours: ['223.255.255.255'] },
  { range: 'reserved IPv4, limited broadcast its last', first: '240.0.0.0', last: '255.255.255.255', neighbours: [] },
  {
    range: "Azure's host service",
    first: '168.63.129.16',
    last: '168.63.129.16',
    neighbours: ['168.63.129.15', '168.63.129.17'],
  },
  { range: 'unspecified and loopback of IPv6', first: '::', last: '::1', neighbours: [] },
  { range: 'IPv4-compatible', first: '::2', last: '::ffff:ffff', neighbours: [] },
  { range: 'IPv4-mapped', first: '::ffff:0:0', last: '::ffff:ffff:ffff', neighbours: [] },
  { range: 'IPv4-translated', first: '::ffff:0:0:0', last: '::ffff:0:ffff:ffff', neighbours: [] },
  { range: 'NAT64', first: '64:ff9b::', last: '64:ff9b::ffff:ffff', neighbours: [] },
  { range: 'local NAT64', first: '64:ff9b:1::', last: '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'discard-only', first: '100::', last: '100::ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'dummy prefix', first: '100:0:0:1::', last: '100::1:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'NSAP-mapped', first: '200::', last: '3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  {
    range: 'everything from NSAP-mapped to global unicast',
    first: '400::',
    last: '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['2000::'],
  },
  {
    range: 'IPv6 protocol assignments',
    first: '2001::',
    last: '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:200::'],
  },
  { range: 'Teredo', first: '2001::1', last: '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'port control and TURN anycast', first: '2001:1::1', last: '2001:1::3', neighbours: [] },
  { range: 'IPv6 benchmarking', first: '2001:2::', last: '2001:2:0:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'AMT, IPv6', first: '2001:3::', last: '2001:3:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'AS112, IPv6', first: '2001:4:112::', last: '2001:4:112:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'ORCHID', first: '2001:10::', last: '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'ORCHIDv2', first: '2001:20::', last: '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'drone identifiers', first: '2001:30::', last: '2001:3f:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  {
    range: 'IPv6 documentation',
    first: '2001:db8::',
    last: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['2001:db7:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db9::'],
  },
  {
    range: '6to4',
    first: '2002::',
    last: '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2003::'],
  },
  {
    range: 'AS112, direct delegation, IPv6',
    first: '2620:4f:8000::',
    last: '2620:4f:8000:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['2620:4f:7fff:ffff:ffff:ffff:ffff:ffff', '2620:4f:8001::'],
  },
  {
    range: 'the second IPv6 documentation',
    first: '3fff::',
    last: '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '3fff:1000::'],
  },
  {
    range: 'everything between global unicast and unique local',
    first: '4000::',
    last: 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    neighbours: ['3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  { range: 'segment routing', first: '5f00::', last: '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'unique local', first: 'fc00::', last: 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'IPv6 link-local', first: 'fe80::', last: 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'site-local', first: 'fec0::', last: 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
  { range: 'IPv6 multicast', first: 'ff00::', last: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', neighbours: [] },
];

describe('metadata hosts at an address', () => {
  it.each(
    RANGES.flatMap(({ range, first, last }) =>
      [...new Set([first, last])].map((address) => [address, range, isIPv6(address) ? '[E5]' : '[E3]']),
    ),
  )('a metadata host is blocked at %s, at the edge of %s %s', async (address) => {
    expect(await check(address)).toBe('blocked_address');
  });

  it.each(RANGES.flatMap(({ range, neighbours }) => neighbours.map((address) => [address, range])))(
    'a metadata host is connected to at %s, just outside %s',
    async (address) => {
      expect(await check(address)).toBe(CONNECTED);
    },
  );

  it.each([
    ['8.8.8.8', 'a public IPv4 address'],
    ['2001:4860:4860::8888', 'a public IPv6 address next to so many special ones'],
    ['2606:4700:4700::1111', 'a public IPv6 address'],
    ['2a00:1450:4001:81b::200e', 'a public IPv6 address of Europe'],
    ['2607:f8b0::5efd:7f00:1', 'nearly ISATAP'],
    ['2607:f8b0:5efe::7f00:1', 'with the 5efe of ISATAP elsewhere'],
    ['2607:f8b0::5efe:0:a00:1', 'with the 5efe of ISATAP a group too early'],
    ['2607:f8b0::100:5efe:a00:1', 'with an interface identifier that is not quite that of ISATAP'],
  ])('a metadata host is connected to at %s: %s', async (address) => {
    expect(await check(address)).toBe(CONNECTED);
  });
});

describe('IPv4 addresses inside IPv6 addresses', () => {
  it.each([
    ['loopback, mapped', '::ffff:127.0.0.1'],
    ['loopback, mapped, in hexadecimal', '::ffff:7f00:1'],
    ['loopback, mapped, in full', '0000:0000:0000:0000:0000:FFFF:7F00:0001'],
    ['cloud metadata, mapped', '::ffff:169.254.169.254'],
    ['cloud metadata, mapped, in hexadecimal', '::ffff:a9fe:a9fe'],
    ['a private one, mapped', '::ffff:10.0.0.1'],
    ['0.0.0.0, mapped', '::ffff:0.0.0.0'],
    ['a public one, mapped', '::ffff:8.8.8.8'],
    ['loopback, compatible', '::127.0.0.1'],
    ['cloud metadata, compatible', '::a9fe:a9fe'],
    ['a public one, compatible', '::8.8.8.8'],
    ['loopback, translated', '::ffff:0:127.0.0.1'],
    ['a public one, translated', '::ffff:0:808:808'],
    ['loopback in NAT64', '64:ff9b::127.0.0.1'],
    ['loopback in NAT64, in hexadecimal', '64:ff9b::7f00:1'],
    ['cloud metadata in NAT64', '64:ff9b::a9fe:a9fe'],
    ['a public one in NAT64', '64:ff9b::808:808'],
    ['a private one in local NAT64', '64:ff9b:1::10.0.0.1'],
    ['a private one in local NAT64 with a /48 prefix', '64:ff9b:1:a00:0:100::'],
    ['cloud metadata in local NAT64', '64:ff9b:1:ffff::a9fe:a9fe'],
    ['a public one in local NAT64', '64:ff9b:1::808:808'],
    ['loopback by 6to4', '2002:7f00:1::1'],
    ['a private one by 6to4', '2002:a00:1::'],
    ['cloud metadata by 6to4', '2002:a9fe:a9fe::a9fe:a9fe'],
    ['a public one by 6to4', '2002:808:808::1'],
    ['a loopback client by Teredo', '2001:0:4136:e378:8000:63bf:80ff:fffe'],
    ['a private server by Teredo', '2001:0:a00:1::1'],
    ['a public client by Teredo', '2001:0:4136:e378:8000:63bf:f7f7:f7f7'],
    ['loopback by ISATAP', '2607:f8b0::5efe:127.0.0.1'],
    ['a private one by ISATAP, in hexadecimal', '2607:f8b0:1:2:0:5efe:a00:1'],
    ['a private one by ISATAP, with the bit of a global identifier', '2607:f8b0:1:2:200:5efe:192.168.0.1'],
    ['cloud metadata by ISATAP, in upper case', '2A00:1450:4001:81B:0:5EFE:A9FE:A9FE'],
    ['0.0.0.0 by ISATAP', '2607:f8b0:1:2:0:5efe::'],
    ['a public one by ISATAP', '2607:f8b0::200:5efe:8.8.8.8'],
    ['loopback by ISATAP of link-local', 'fe80::5efe:127.0.0.1'],
  ])('an IPv4 address inside an IPv6 address is blocked, private or public: %s: %s [E5]', async (_, address) => {
    expect(await check(address)).toBe('blocked_address');
  });
});

describe('metadata services of clouds', () => {
  it.each([
    ['of AWS, GCP, Azure, DigitalOcean, Oracle and Hetzner', '169.254.169.254'],
    ['of AWS over IPv6', 'fd00:ec2::254'],
    ['of GCP over IPv6', 'fd20:ce::254'],
    ['of AWS for containers', '169.254.170.2'],
    ['of AWS for pods', '169.254.170.23'],
    ['of AWS for pods, over IPv6', 'fd00:ec2::23'],
    ['of AWS for DNS', '169.254.169.253'],
    ['of Tencent', '169.254.0.23'],
    ['of Alibaba', '100.100.100.200'],
    ['of Oracle at its old address', '192.0.0.192'],
    ['of Azure, the host service', '168.63.129.16'],
    ['of OpenStack over IPv6', 'fe80::a9fe:a9fe'],
    ['of Scaleway', '169.254.42.42'],
    ['of Scaleway over IPv6', 'fd00:42::42'],
  ])('the metadata service of a cloud is blocked: %s: %s [E4]', async (_, address) => {
    expect(await check(address)).toBe('blocked_address');
  });
});

describe('names that are not connected to', () => {
  it.each<[string, string[]]>([
    ['loopback [E7]', ['127.0.0.1']],
    ['loopback of IPv6', ['::1']],
    ['a private address', ['192.168.1.10']],
    ['link-local', ['169.254.169.254']],
    ['0.0.0.0', ['0.0.0.0']],
    ['a mapped address', ['::ffff:127.0.0.1']],
    ['a private address after a public one [E8]', ['8.8.8.8', '10.0.0.1']],
    ['a private address before a public one [E8]', ['10.0.0.1', '8.8.8.8']],
    ['a private IPv6 address among public IPv4 ones [E8]', ['8.8.8.8', '8.8.4.4', 'fd00::1']],
    ['loopback among public IPv6 ones [E8]', ['2001:4860:4860::8888', '2001:4860:4860::8844', '127.0.0.1']],
    [
      'one bad address among a hundred [E8]',
      [...Array.from({ length: 99 }, (_, index) => `8.8.8.${index}`), '127.0.0.1'],
    ],
    ['a link-local address with a zone', ['fe80::1%eth0']],
    ['a public address with a zone', ['2001:4860:4860::8888%eth0']],
    ['a text that is not an address', ['host.example']],
    ['an empty text', ['']],
    ['an address with a port', ['8.8.8.8:80']],
    ['an address in brackets', ['[2001:4860:4860::8888]']],
    ['an address in short form', ['8.8']],
    ['an address with octal parts', ['0177.0.0.1']],
  ])('a name is not connected to if it resolves to %s', async (_, addresses) => {
    expect(await connect(publicLookup(resolverOf(addresses)))).toBe('BLOCKED_ADDRESS');
    expect(await connect(publicLookup(resolverOf(addresses)), { all: false })).toBe('BLOCKED_ADDRESS');
  });

  it('a name that resolves to no address is a DNS error and not a blocked address', async () => {
    expect(await connect(publicLookup(resolverOf([])))).toBe('ENODATA');
  });

  it('a name that does not resolve is not connected to', async () => {
    const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND host.example'), { code: 'ENOTFOUND' });

    expect(await connect(publicLookup(resolverOf(notFound)))).toBe('ENOTFOUND');
  });

  it('a name that was public at the first lookup and is private now is not connected to (DNS rebinding) [E9]', async () => {
    const lookup = publicLookup(resolverOf(['8.8.8.8'], ['127.0.0.1']));

    expect(await connect(lookup)).toEqual(['8.8.8.8']);
    expect(await connect(lookup)).toBe('BLOCKED_ADDRESS');
    expect(await connect(lookup)).toBe('BLOCKED_ADDRESS');
  });

  it('a name is not connected to if a resolver that returns a single address resolves it to loopback', async () => {
    const lookup = publicLookup((_, __, callback) => callback(null, '127.0.0.1', 4));

    expect(await connect(lookup)).toBe('BLOCKED_ADDRESS');
  });
});

describe('names that are connected to', () => {
  it('a name is connected to at each of its addresses, in their order, when all are public', async () => {
    const addresses = ['2606:4700:4700::1111', '1.1.1.1', '1.0.0.1'];

    expect(await connect(publicLookup(resolverOf(addresses)))).toEqual(addresses);
  });

  it('a name is connected to at its first address by a socket that accepts one', async () => {
    expect(await connect(publicLookup(resolverOf(['1.1.1.1', '1.0.0.1'])), { all: false })).toBe('1.1.1.1');
  });

  it('a name is connected to at the addresses that were checked: the name is resolved once per connect (DNS rebinding) [E9]', async () => {
    const lookup = publicLookup(resolverOf(['1.1.1.1'], ['127.0.0.1']));

    expect(await connect(lookup)).toEqual(['1.1.1.1']);
  });

  it('a name that was private and is public now is connected to', async () => {
    const lookup = publicLookup(resolverOf(['127.0.0.1'], ['1.1.1.1']));

    expect(await connect(lookup)).toBe('BLOCKED_ADDRESS');
    expect(await connect(lookup)).toEqual(['1.1.1.1']);
  });

  it('a name is connected to at the address of a resolver that returns a single address', async () => {
    expect(await connect(publicLookup((_, __, callback) => callback(null, '1.1.1.1', 4)))).toEqual(['1.1.1.1']);
  });
});
