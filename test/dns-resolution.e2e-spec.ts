import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { MetadataHost } from '@app/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { NameServer } from './support/name-server.js';
import { fetchModules, type FetchOptions } from './support/fetch-modules.js';

let names: NameServer;
let silent: NameServer;
let host: MetadataHost;
let module: TestingModule | undefined;
beforeAll(async () => {
  host = await MetadataHost.start();
  silent = await NameServer.start({ 'loopback.example': 'hangs' });
  names = await NameServer.start({
    'loopback.example': { A: ['127.0.0.1'] },
    'loopback6.example': { AAAA: ['::1'] },
    'private.example': { A: ['10.0.0.1', '192.168.0.1'] },
    'mixed.example': { A: ['8.8.8.8'], AAAA: ['::1'] },
    'empty.example': {},
    'broken.example': 'SERVFAIL',
    'refused.example': 'REFUSED',
    localhost: { A: ['8.8.8.8'] },
    ...Object.fromEntries(Array.from({ length: 8 }, (_, id) => [`hangs-${id}.example`, 'hangs' as const])),
  });
});
afterEach(() => module?.close());
afterAll(async () => {
  await Promise.all([names.close(), silent.close(), host.close()]);
});

/** Nothing of the Internet is dialled: a name that was resolved shows by its address, which is refused. */
async function fetcher(options: FetchOptions = {}): Promise<MetadataFetcher> {
  const imports = fetchModules({ nameServers: [names.address], ...options });
  module = await Test.createTestingModule({ imports }).compile();
  return module.get(MetadataFetcher);
}

const fetchFrom = (from: MetadataFetcher, url: string): Promise<FetchOutcome> =>
  from.fetch({ source: { kind: 'metadata_api', url }, tokenId: '1' });

it.each([
  ['is loopback', 'loopback.example', 'blocked_address'],
  ['is loopback of IPv6 and nothing else', 'loopback6.example', 'blocked_address'],
  ['is private', 'private.example', 'blocked_address'],
  ['is public in IPv4, and loopback in IPv6', 'mixed.example', 'blocked_address'],
  ['has no address', 'empty.example', 'dns'],
  ['does not exist', 'gone.example', 'dns'],
  ['its name servers respond to with SERVFAIL', 'broken.example', 'dns'],
  ['nobody may ask for', 'refused.example', 'dns'],
  ['is none', '127.0.0.1..', 'dns'],
])('a metadata host whose name %s is not dialled', async (_, name, reason) => {
  const port = Number(host.host.split(':')[1]);
  const from = await fetcher({ extraPorts: [port] });

  // Somebody listens there, and would answer.
  expect(await fetchFrom(from, `http://${name}:${port}`)).toMatchObject({ kind: 'unreachable', reason });

  expect(host.trafficOf('').hits).toBe(0);
});

it('a fetch fails as dns if the name server hangs, not as a timeout of the metadata host', async () => {
  const outcome = await fetchFrom(await fetcher({ nameServers: [silent.address] }), 'http://loopback.example');

  expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'dns' });
});

it('a name server that is unreachable does not count as a refused connection of the metadata host', async () => {
  const gone = await NameServer.start({});
  const { address } = gone;
  await gone.close();

  expect(await fetchFrom(await fetcher({ nameServers: [address] }), 'http://loopback.example')).toMatchObject({
    reason: 'dns',
  });
});

it('after a name server that does not respond, the next one is queried in time', async () => {
  const from = await fetcher({ nameServers: [silent.address, names.address] });

  expect(await fetchFrom(from, 'http://loopback.example')).toMatchObject({ reason: 'blocked_address' });
});

it('slow names block neither other names nor exempt hosts', async () => {
  const from = await fetcher({ allowedHosts: [`localhost:${host.host.split(':')[1]}`] });
  const ended: string[] = [];
  const hanging = Array.from({ length: 8 }, (_, id) =>
    fetchFrom(from, `http://hangs-${id}.example`).finally(() => ended.push('hanging')),
  );
  await vi.waitUntil(() => new Set(names.queries.filter((name) => name.startsWith('hangs'))).size === 8, {
    timeout: 10_000,
  });

  const other = await fetchFrom(from, 'http://loopback.example').finally(() => ended.push('other'));
  const localhost = `${host.url.replace('127.0.0.1', 'localhost')}/exempt`;
  const exempt = await fetchFrom(from, localhost).finally(() => ended.push('exempt'));

  expect(other).toMatchObject({ reason: 'blocked_address' });
  expect(exempt).toMatchObject({ kind: 'fetched' });
  await Promise.all(hanging);
  expect(ended.slice(0, 2)).toEqual(['other', 'exempt']);
});

it('concurrent fetches share one query for a name, and the next fetch queries it again', async () => {
  // So long that no slow answer is asked for again.
  const from = await fetcher({ deadlineMs: 30_000 });
  const before = names.queries.length;

  await Promise.all(['1', '2', '3'].map(() => fetchFrom(from, 'http://loopback.example')));
  const together = names.queries.length - before;
  await fetchFrom(from, 'http://loopback.example');

  expect(together).toBe(2);
  expect(names.queries.length - before).toBe(4);
});

it('a name server that is not an address is refused when the application starts', async () => {
  await expect(fetcher({ nameServers: ['dns.example'] })).rejects.toThrow(/nameServers/);
});
