import type { LookupAddress } from 'node:dns';
import type { AddressInfo } from 'node:net';
import DNS from 'dns2';
import { NameResolver } from './name-resolver.js';

const { A, AAAA } = DNS.Packet.TYPE;
const [IPV4, IPV6] = ['8.8.8.8', '2606:4700:4700::1111'];

/** The server ignores the first client that queries this name, and responds to later ones. Clients are told apart by port. */
const LATE = 'late.example';
const clientPorts: number[] = [];

/** The server does not respond to any other query. */
const RECORDS: Record<string, Record<number, string[]>> = {
  'both.example': { [A]: [IPV4], [AAAA]: [IPV6] },
  'four.example': { [A]: [IPV4], [AAAA]: [] },
  'six.example': { [A]: [], [AAAA]: [IPV6] },
  'half-four.example': { [A]: [IPV4] },
  'lost-four.example': { [A]: [IPV4], [AAAA]: [IPV6] },
  [LATE]: { [A]: [IPV4], [AAAA]: [IPV6] },
  'half-six.example': { [AAAA]: [IPV6] },
};

/** The first IPv4 query for these names is lost. */
const lost = new Set(['lost-four.example']);

const server = DNS.createUDPServer((request, send, client) => {
  const [{ name, type } = { name: '', type: 0 }] = request.questions;
  if (name === LATE && 'port' in client && clientPorts.push(client.port) && client.port === clientPorts[0]) return;
  const addresses = RECORDS[name]?.[type];
  if (!addresses || (type === A && lost.delete(name))) return;
  const response = DNS.Packet.createResponseFromRequest(request);
  for (const address of addresses) {
    response.answers.push(new DNS.Packet.Resource({ name, type, class: DNS.Packet.CLASS.IN, ttl: 300, address }));
  }
  void send(response);
});
beforeAll(() => server.listen(0, '127.0.0.1'));
afterAll(() => void server.close());

function aResolver(): NameResolver {
  return new NameResolver(2000, [`127.0.0.1:${(server.address() as AddressInfo).port}`]);
}

function lookup(name: string, all = true, resolver = aResolver()): Promise<string | LookupAddress[]> {
  return new Promise((resolve, reject) => {
    resolver.lookup(name, { all }, (error, address) => (error ? reject(error) : resolve(address)));
  });
}

const [four, six] = [
  { address: IPV4, family: 4 },
  { address: IPV6, family: 6 },
];

it.each([
  ['both families, IPv4 first', 'both.example', [four, six]],
  ['IPv4 only', 'four.example', [four]],
  ['IPv6 only', 'six.example', [six]],
  ['IPv4, and no response for IPv6', 'half-four.example', [four]],
  ['IPv6, and no response for IPv4', 'half-six.example', [six]],
  ['both families, where the first IPv4 query was lost', 'lost-four.example', [four, six]],
])('the resolver finds all addresses of a name that has %s', async (_, name, addresses) => {
  expect(await lookup(name)).toEqual(addresses);
});

it('the resolver finds one address if the caller wants one', async () => {
  expect(await lookup('both.example', false)).toBe(IPV4);
});

it('the resolver starts a new query if the one in flight is older than its first try', async () => {
  const resolver = aResolver();
  const first = lookup(LATE, true, resolver).catch((error: unknown) => error);
  // Both families, and a second try of one.
  await vi.waitUntil(() => clientPorts.length >= 3, { timeout: 10_000 });

  expect(await lookup(LATE, true, resolver)).toEqual([four, six]);
  expect(await first).toBeInstanceOf(Error);
});

it('the resolver rejects when no name server responds in time', async () => {
  await expect(lookup('silent.example')).rejects.toMatchObject({ syscall: expect.stringMatching(/^query/) as string });
});
