import type { LookupAddress } from 'node:dns';
import type { AddressInfo } from 'node:net';
import DNS from 'dns2';
import { NameResolver } from './name-resolver.js';

const { A, AAAA } = DNS.Packet.TYPE;
const [IPV4, IPV6] = ['8.8.8.8', '2606:4700:4700::1111'];

/** Who asks for this name, by port: only who comes later than the first one is told. */
const LATE = 'late.example';
const askedFrom: number[] = [];

/** Of what is not in it, nothing is ever said. */
const ANSWERS: Record<string, Record<number, string[]>> = {
  'both.example': { [A]: [IPV4], [AAAA]: [IPV6] },
  'four.example': { [A]: [IPV4], [AAAA]: [] },
  'six.example': { [A]: [], [AAAA]: [IPV6] },
  'half-four.example': { [A]: [IPV4] },
  'lost-four.example': { [A]: [IPV4], [AAAA]: [IPV6] },
  [LATE]: { [A]: [IPV4], [AAAA]: [IPV6] },
  'half-six.example': { [AAAA]: [IPV6] },
};

/** Of these, the first question for IPv4 is lost. */
const lost = new Set(['lost-four.example']);

const server = DNS.createUDPServer((request, send, client) => {
  const [{ name, type } = { name: '', type: 0 }] = request.questions;
  if (name === LATE && 'port' in client && askedFrom.push(client.port) && client.port === askedFrom[0]) return;
  const addresses = ANSWERS[name]?.[type];
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
  return new Promise((done, fail) => {
    resolver.lookup(name, { all }, (error, address) => (error ? fail(error) : done(address)));
  });
}

const [four, six] = [
  { address: IPV4, family: 4 },
  { address: IPV6, family: 6 },
];

it.each([
  ['both kinds, IPv4 first', 'both.example', [four, six]],
  ['IPv4 only', 'four.example', [four]],
  ['IPv6 only', 'six.example', [six]],
  ['IPv4, and nobody answers for IPv6', 'half-four.example', [four]],
  ['IPv6, and nobody answers for IPv4', 'half-six.example', [six]],
  ['both kinds, where the question for IPv4 was lost once', 'lost-four.example', [four, six]],
])('gives all addresses of a name that has %s', async (_, name, addresses) => {
  expect(await lookup(name)).toEqual(addresses);
});

it('gives one address to whoever wants one', async () => {
  expect(await lookup('both.example', false)).toBe(IPV4);
});

it('asks anew for whoever comes when most of the time for a question is over', async () => {
  const resolver = aResolver();
  const first = lookup(LATE, true, resolver).catch((error: unknown) => error);
  // Both kinds, and one of them again.
  await vi.waitUntil(() => askedFrom.length >= 3, { timeout: 5000 });

  expect(await lookup(LATE, true, resolver)).toEqual([four, six]);
  expect(await first).toBeInstanceOf(Error);
});

it('ends when nobody answers', async () => {
  await expect(lookup('silent.example')).rejects.toMatchObject({ syscall: expect.stringMatching(/^query/) as string });
});
