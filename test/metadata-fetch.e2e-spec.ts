import { once } from 'node:events';
import { createServer, type AddressInfo, type LookupFunction } from 'node:net';
import { gzipSync } from 'node:zlib';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { type Behaviour, MetadataHost, prepareBombs } from '@app/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { fetchModules, type FetchOptions } from './support/fetch-modules.js';
import { stopMonotonicClock } from './support/monotonic-clock.js';

let host: MetadataHost;
const modules: TestingModule[] = [];
beforeAll(async () => {
  prepareBombs();
  host = await MetadataHost.start();
});
afterAll(async () => {
  for (const module of modules) await module.close();
  await host.close();
});

/** Short deadlines: what hangs is noticed sooner. */
async function fetcher(options: FetchOptions = {}): Promise<MetadataFetcher> {
  const complete = { allowedHosts: [host.host], deadlineMs: 1000, maxBytes: 1024 * 1024, ...options };
  const module = await Test.createTestingModule({ imports: fetchModules(complete) }).compile();
  modules.push(module);
  return module.get(MetadataFetcher);
}

async function fetchToken(
  tokenId: string,
  options?: FetchOptions,
  url = `${host.url}/collection`,
): Promise<FetchOutcome> {
  return (await fetcher(options)).fetch({ source: { kind: 'metadata_api', url }, tokenId });
}

it('a document is read from the Metadata API, with one slash between its URL and the token id', async () => {
  const outcome = await fetchToken('1', {}, `${host.url}/collection/`);

  expect(outcome).toMatchObject({ kind: 'fetched', url: `${host.url}/collection/1`, metadata: { name: 'Token 1' } });
});

it.each<[Behaviour, string, object]>([
  ['hangs', '[D20]', { kind: 'unreachable', reason: 'timeout' }],
  ['drips a byte at a time', '[D21]', { kind: 'unreachable', reason: 'timeout' }],
  ['drips its headers', '[D21]', { kind: 'unreachable', reason: 'timeout' }],
  ['closes immediately', '[D18]', { kind: 'unreachable', reason: 'connection_reset' }],
  ['stops in the middle of the body', '[C25]', { kind: 'unreachable', reason: 'incomplete_body' }],
  ['resets the connection in the middle of the body', '[D19]', { kind: 'unreachable', reason: 'incomplete_body' }],
  ['ends the body by closing', '[C1]', { kind: 'fetched', metadata: { name: 'Token 1000' } }],
  ['closes in the middle of a body without a length', '[C25]', { kind: 'undecodable', reason: 'invalid_json' }],
  ['ends the body with a reset', '[C25]', { kind: 'unreachable', reason: 'incomplete_body' }],
  ['declares a body of 1 TiB', '[C24]', { kind: 'unreachable', reason: 'too_large' }],
  ['sends an endless body', '[C23]', { kind: 'unreachable', reason: 'too_large' }],
  ['sends a gzip bomb', '[C21]', { kind: 'unreachable', reason: 'too_large' }],
  ['sends a brotli bomb', '[C21]', { kind: 'unreachable', reason: 'too_large' }],
  ['truncates a gzip body', '[C25]', { kind: 'unreachable', reason: 'incomplete_body' }],
  ['sends gzip', '[C20]', { kind: 'fetched', metadata: { name: 'gzip' } }],
  ['sends brotli', '[C20]', { kind: 'fetched', metadata: { name: 'br' } }],
  ['sends deflate', '[C20]', { kind: 'fetched', metadata: { name: 'deflate' } }],
  ['sends raw deflate', '[C20]', { kind: 'fetched', metadata: { name: 'raw deflate' } }],
  ['redirects once', '[D1]', { kind: 'fetched', metadata: { name: 'Token elsewhere' } }],
  ['redirects three times', '[D1]', { kind: 'fetched', metadata: { name: 'At last' } }],
  ['redirects four times', '[D2]', { kind: 'unreachable', reason: 'too_many_redirects' }],
  ['redirects in a loop', '[D2]', { kind: 'unreachable', reason: 'too_many_redirects' }],
  ['redirects to the cloud metadata service', '[E4, E6]', { kind: 'unreachable', reason: 'blocked_address' }],
  ['redirects to loopback', '[E1, E6]', { kind: 'unreachable', reason: 'blocked_address' }],
  ['redirects to a file', '[A47]', { kind: 'unreachable', reason: 'unsupported_scheme' }],
])('a fetch ends as documented when a host %s %s', async (behaviour, _, expected) => {
  host.misbehave('1000', behaviour);

  expect(await fetchToken('1000')).toMatchObject(expected);
});

it.each<Behaviour>(['hangs', 'drips a byte at a time', 'drips its headers'])(
  'a host that %s gets one deadline for all its network work [D20, D21]',
  async (behaviour) => {
    host.misbehave('1000', behaviour);

    const { durationMs } = await fetchToken('1000', { deadlineMs: 300 });

    expect(durationMs).toBeGreaterThanOrEqual(290);
    // A byte comes each 20 ms: a deadline for silence alone would never end.
    expect(durationMs).toBeLessThan(2000);
  },
);

it.each<[what: string, deadlineMs: number, isAborted: boolean]>([
  ['one signal that is aborted', 60_000, true],
  ['their deadlines', 2000, false],
])('fetches that are ended by %s close their connections, and others go on', async (_, deadlineMs, isAborted) => {
  const [ended, other] = [await fetcher({ deadlineMs }), await fetcher({ deadlineMs: 60_000 })];
  const stop = new AbortController();
  const source = { kind: 'metadata_api' as const, url: `${host.url}/held` };
  host.hold();
  // No deadline ends before all requests have arrived.
  using clock = stopMonotonicClock();

  const going = other.fetch({ source, tokenId: '1' }, new AbortController().signal);
  const ending = Array.from({ length: 20 }, (_token, index) =>
    ended.fetch({ source, tokenId: String(7000 + index) }, stop.signal),
  );
  await vi.waitFor(() => expect(host.heldCount).toBe(21), { timeout: 10_000, interval: 5 });
  if (isAborted) stop.abort();
  else clock[Symbol.dispose]();
  const outcomes = await Promise.all(ending);
  await vi.waitFor(() => expect(host.heldCount).toBe(1), { timeout: 10_000, interval: 5 });
  host.releaseHeld();

  expect(outcomes.map((outcome) => [outcome.kind, 'reason' in outcome && outcome.reason])).toEqual(
    Array<unknown>(20).fill(['unreachable', 'timeout']),
  );
  expect(await going).toMatchObject({ kind: 'fetched', metadata: { name: 'Token 1' } });
});

it.each([301, 302, 303, 307, 308])(
  'a redirect with status %i is followed, and the record has the URL before the redirect [D1]',
  async (status) => {
    host.respond('2', status, '', { location: '/moved/2nd?a=b' });

    expect(await fetchToken('2')).toMatchObject({
      kind: 'fetched',
      url: `${host.url}/collection/2`,
      redirects: [`${host.url}/moved/2nd?a=b`],
      metadata: { name: 'Token 2nd' },
    });
    expect(host.lastUrl).toBe('/moved/2nd?a=b');
  },
);

it('the outcome of a fetch has every URL that a redirect led to, without credentials, also when the last one is refused', async () => {
  host
    .respond('3', 302, '', { location: '/moved/4' })
    .respond('4', 302, '', { location: 'https://a:b@127.0.0.1/?c=d' });

  expect(await fetchToken('3')).toMatchObject({
    kind: 'unreachable',
    reason: 'invalid_uri',
    url: `${host.url}/collection/3`,
    redirects: [`${host.url}/moved/4`, 'https://127.0.0.1/?c=d'],
  });
  expect(await fetchToken('1')).not.toHaveProperty('redirects');
});

describe('bodies that are too large', () => {
  const KB = 1024;
  const document = (bytes: number) => JSON.stringify({ name: 'a'.repeat(bytes - '{"name":""}'.length) });

  it('a body of one byte over the limit is too large, declared or not [C22]', async () => {
    host.respond('20', 200, document(64 * KB)).respond('21', 200, document(64 * KB + 1));
    host.respond('22', 200, document(64 * KB + 1), { 'content-length': String(64 * KB + 1) });

    expect(await fetchToken('20', { maxBytes: 64 * KB })).toMatchObject({ kind: 'fetched' });
    for (const tokenId of ['21', '22']) {
      expect(await fetchToken(tokenId, { maxBytes: 64 * KB })).toMatchObject({ reason: 'too_large', bytes: 0 });
    }
  });

  it.each<[Behaviour, string]>([
    ['declares a body of 1 TiB', '[C24]'],
    ['sends an endless body', '[C22, C23]'],
  ])('a body that is too large is not waited for: the connection to a host that %s is closed %s', async (behaviour) => {
    host.misbehave('23', behaviour);

    const outcome = await fetchToken('23', { deadlineMs: 60_000 });

    expect(outcome).toMatchObject({ reason: 'too_large' });
    await vi.waitUntil(() => host.trafficOf('/collection').concurrent === 0, { timeout: 10_000 });
  });

  it('a body of a gigabyte takes no memory [C21]', async () => {
    // Sixty-four times the same 16 MiB: gzip may be put one behind the other.
    const member = gzipSync(Buffer.alloc(16 * KB * KB, ' '));
    host.respond('24', 200, Buffer.concat(Array.from({ length: 64 }, () => member)), { 'content-encoding': 'gzip' });
    const before = process.resourceUsage().maxRSS;

    const outcome = await fetchToken('24', { deadlineMs: 60_000, maxBytes: 5 * KB * KB });

    expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'too_large' });
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(100 * KB);
  });
});

describe('large bodies', () => {
  const MB = 1024 * 1024;
  const from = (all: MetadataFetcher, { url }: { url: string }, tokenId: string, collectionId?: string) =>
    all.fetch({
      source: { kind: 'metadata_api', url: `${url}/large` },
      tokenId,
      ...(collectionId && { collectionId }),
    });

  it('large bodies that a host drips end at the deadline; one that waited too long for a permit fails as busy', async () => {
    const all = await fetcher({ deadlineMs: 1500, largeBodyQueueTimeoutMs: 200 });
    host.misbehave('30', 'drips a large body');

    const outcomes = await Promise.all(['30', '30', '30'].map((tokenId) => from(all, host, tokenId)));

    const reasons = outcomes.map((outcome) => (outcome.kind === 'unreachable' ? outcome.reason : outcome.kind));
    expect(reasons.toSorted((a, b) => a.localeCompare(b))).toEqual(['busy', 'timeout', 'timeout']);
  });

  it('large bodies of other collections are read in turn, however many one collection drips under however many host names', async () => {
    const port = host.host.split(':')[1];
    const names = Array.from({ length: 16 }, (_, id) => `name-${id}.example:${port}`);
    const lookup: LookupFunction = (_, __, done) => done(null, [{ address: '127.0.0.1', family: 4 }]);
    host.respond('31', 200, { name: 'a'.repeat(MB) }).misbehave('30', 'drips a large body');
    const options = { lookup, maxBytes: 2 * MB, largeBodyQueueTimeoutMs: 1500 };
    const all = await fetcher({ ...options, allowedHosts: [host.host, ...names] });
    const drip = (name: string) => from(all, { url: `http://${name}` }, '30', 'drips');
    const first = names.slice(0, 4).map(drip);
    // Two have run into their deadline, and the next two have the seats.
    expect(await Promise.race(first)).toMatchObject({ reason: 'timeout' });
    const others = names.slice(4).map(drip);
    await vi.waitUntil(() => host.trafficOf('/large').concurrent >= others.length + 2, { timeout: 10_000 });

    expect(await from(all, host, '31', 'honest')).toMatchObject({ kind: 'fetched' });
    await Promise.all([...first, ...others]);
  });

  it('large bodies do not lose time of their deadline while they wait', async () => {
    host.respond('31', 200, { name: 'a'.repeat(MB) }).misbehave('30', 'drips a large body');
    const all = await fetcher({ maxBytes: 2 * MB });
    const dripped = Array.from({ length: 6 }, () => from(all, host, '30'));
    await Promise.race(dripped);

    // Four are before it, two at a time: twice its deadline.
    expect(await from(all, host, '31')).toMatchObject({ kind: 'fetched' });
    await Promise.all(dripped);
  });

  it('large bodies leave the next gateway its time, however long they waited at the first one', async () => {
    const other = await MetadataHost.start();
    const all = await fetcher({ allowedHosts: [host.host, other.host], ipfsGateways: [host.url, other.url] });
    host.misbehave('30', 'drips a large body').respond('34', 200, ' '.repeat(MB / 2));
    other.misbehave('34', 'hangs');
    const dripped = Array.from({ length: 3 }, () => from(all, host, '30'));
    await vi.waitUntil(() => host.trafficOf('/large').concurrent === 3, { timeout: 10_000 });
    const uri = 'ipfs://QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE/34';

    const outcome = await all.fetch({ source: { kind: 'token_uri', uri }, tokenId: '34' });

    expect(outcome).toMatchObject({ reason: 'timeout', otherRequests: [{ reason: 'empty_body' }] });
    // Half of the deadline is all that it would have otherwise.
    expect(outcome.durationMs).toBeGreaterThan(600);
    await Promise.all(dripped);
    await other.close();
  });

  it('large bodies wait for a permit also if the token URI contains them', async () => {
    const all = await fetcher({ deadlineMs: 3000, largeBodyQueueTimeoutMs: 200 });
    host.misbehave('30', 'drips a large body');
    const dripped = ['30', '30', '30'].map((tokenId) => from(all, host, tokenId));
    const fetchInline = (bytes: number) =>
      all.fetch({ source: { kind: 'token_uri', uri: JSON.stringify({ name: 'a'.repeat(bytes) }) }, tokenId: '1' });

    // Of three, the first one that ends has found two before it.
    await Promise.race(dripped);

    expect(await fetchInline(MB)).toMatchObject({ kind: 'unreachable', reason: 'busy' });
    expect(await fetchInline(1000)).toMatchObject({ kind: 'fetched' });
    await Promise.all(dripped);
    expect(await fetchInline(MB)).toMatchObject({ kind: 'fetched' });
  });

  it('large bodies do not cause a failover to the next gateway or a back-off of this one', async () => {
    const other = await MetadataHost.start();
    host.misbehave('32', 'drips a large body');
    const all = await fetcher({
      allowedHosts: [host.host, other.host],
      ipfsGateways: [host.url, other.url],
      deadlineMs: 3000,
      largeBodyQueueTimeoutMs: 200,
    });
    const uri = 'ipfs://QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE';
    const dripped = ['32', '32', '32'].map((tokenId) => from(all, host, tokenId));
    const fetchUri = (tokenId: string) =>
      all.fetch({ source: { kind: 'token_uri', uri: `${uri}/${tokenId}` }, tokenId });

    // Of three, the first one that ends has found two before it.
    await Promise.race(dripped);
    const busy = await fetchUri('32');
    const next = await fetchUri('33');

    expect(busy).toMatchObject({ kind: 'unreachable', reason: 'busy', otherRequests: [] });
    expect(next).toMatchObject({ kind: 'fetched', url: expect.stringContaining(host.url) as string });
    expect(other.hits.size).toBe(0);
    await Promise.all(dripped);
    await other.close();
  });
});

it('bytes after the declared length of a body are not taken for the response to another request [C23]', async () => {
  const from = await fetcher();
  const fetch = (tokenId: string) => from.fetch({ source: { kind: 'metadata_api', url: host.url }, tokenId });
  host.misbehave('25', 'sends more than it declares');

  expect(await fetch('25')).toMatchObject({ kind: 'undecodable', body: '{"name":"x', bytes: 10 });
  expect(await fetch('26')).toMatchObject({ kind: 'fetched', metadata: { name: 'Token 26' } });
});

describe('hosts that cannot be reached', () => {
  it('a host whose name has no address fails as dns [D18]', async () => {
    const lookup: LookupFunction = (_, __, done) => done(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []);

    expect(await fetchToken('1', { lookup }, 'http://gone.example')).toMatchObject({
      kind: 'unreachable',
      reason: 'dns',
    });
  });

  it('a host that refuses the connection fails as connection_refused [D18]', async () => {
    const gone = await MetadataHost.start();
    const { host: address, url } = gone;
    await gone.close();

    expect(await fetchToken('1', { allowedHosts: [address] }, url)).toMatchObject({
      kind: 'unreachable',
      reason: 'connection_refused',
    });
  });

  it('a host that does not speak TLS fails as timeout [D18]', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;

    const outcome = await fetchToken('1', { allowedHosts: [address] }, `https://${address}`);
    mute.close();

    expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'timeout' });
  });

  it('a host whose name is resolved too slowly fails as timeout [D18]', async () => {
    expect(await fetchToken('1', { lookup: () => {} }, 'http://slow.example')).toMatchObject({
      kind: 'unreachable',
      reason: 'timeout',
    });
  });

  it("a host that the operator's resolver does not know fails as dns [E15]", async () => {
    const refusing: LookupFunction = (_, __, done) => done(Object.assign(new Error('no'), { code: 'ENODATA' }), []);

    expect(await fetchToken('1', { lookup: refusing }, 'http://denied.example')).toMatchObject({
      kind: 'unreachable',
      reason: 'dns',
    });
  });
});

it.each([201, 204, 301, 304, 400, 401, 403, 404, 410, 500])(
  'a response with status %i is not metadata [D4, D6, D7, D8]',
  async (status) => {
    host.respond('2', status, status === 204 || status === 304 ? '' : 'why');

    expect(await fetchToken('2')).toMatchObject({ kind: 'bad_status', status });
  },
);

it.each([429, 503])('the Retry-After of a host that responds with %i is passed on [D9, D10]', async (status) => {
  host.respond('3', status, '', { 'retry-after': '17' });

  expect(await fetchToken('3')).toMatchObject({ kind: 'bad_status', status, retryAfterSeconds: 17 });
});

it.each([200, 302, 404, 500])('Retry-After of a response with status %i is ignored [D14]', async (status) => {
  host.respond('3', status, { name: 'Three' }, { 'retry-after': '17' });

  expect(await fetchToken('3')).not.toHaveProperty('retryAfterSeconds');
});

it('the hexadecimal id is requested, and no other form when it is not found [A21]', async () => {
  const hex = 'ff'.padStart(64, '0');
  host.respond(hex, 404);
  const source = { kind: 'token_uri' as const, uri: `${host.url}/{id}` };

  expect(await (await fetcher()).fetch({ source, tokenId: '255' })).toMatchObject({ kind: 'bad_status', status: 404 });
  expect([host.hits.get(hex), host.hits.get('255')]).toEqual([1, undefined]);
});

it('a conditional request that returns 304 means that the document has not changed [D33]', async () => {
  host.respond('4', 304);
  const outcome = await (
    await fetcher()
  ).fetch({
    source: { kind: 'metadata_api', url: host.url },
    tokenId: '4',
    validators: { url: `${host.url}/4`, etag: '"abc"' },
  });

  expect(outcome.kind).toBe('not_modified');
  expect(host.lastHeaders['if-none-match']).toBe('"abc"');
});

it('validators are sent only to the URL that they came from, and a 304 from another URL is not accepted', async () => {
  const elsewhere = await MetadataHost.start();
  elsewhere.respond('8', 304);
  host.respond('8', 302, '', { location: `${elsewhere.url}/8` });
  const target = {
    source: { kind: 'metadata_api', url: host.url },
    tokenId: '8',
    validators: { url: `${host.url}/8`, etag: '"abc"' },
  } as const;

  const outcome = await (await fetcher({ allowedHosts: [host.host, elsewhere.host] })).fetch(target);

  expect(outcome).toMatchObject({ kind: 'bad_status', status: 304 });
  expect(elsewhere.lastHeaders).not.toHaveProperty('if-none-match');
  await elsewhere.close();
});

it('requests have a User-Agent and nothing that could identify anybody [D32]', async () => {
  await fetchToken('5');

  expect(host.lastHeaders['user-agent']).toMatch(/^nestjs-nft-refresh/);
  expect(Object.keys(host.lastHeaders).toSorted()).toEqual([
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
  ]);
});

it('4 KB of an error response are kept, as text that can be stored [D31]', async () => {
  host.respond('6', 500, Buffer.concat([Buffer.from('a\u0000é'), Buffer.alloc(10_000, 'x')]));

  const outcome = await fetchToken('6');

  expect(outcome).toMatchObject({ kind: 'bad_status', status: 500 });
  const { body } = outcome as Extract<FetchOutcome, { kind: 'bad_status' }>;
  expect(body).not.toContain('\u0000');
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4100);
});

it.each([
  'http://127.0.0.1',
  'http://localhost',
  'http://[::1]',
  'http://2130706433',
  'http://0x7f.1',
  'http://169.254.169.254',
])('a fetch never dials %s, although another port of this machine is allowed [E1, E2, E4, E10]', async (address) => {
  const canary = await MetadataHost.start();
  const port = canary.host.split(':')[1];

  for (const url of [`${address}:${port}`, `${address}`]) {
    expect(await fetchToken('1', { extraPorts: [Number(port)] }, url)).toMatchObject({
      kind: 'unreachable',
      reason: 'blocked_address',
    });
  }

  expect(canary.hits.size).toBe(0);
  await canary.close();
});

it('the operator sets the User-Agent [D32]', async () => {
  await fetchToken('5', { userAgent: 'Lamps/1.0 (+https://lamps.example)' });

  expect(host.lastHeaders['user-agent']).toBe('Lamps/1.0 (+https://lamps.example)');
});

it('proxy variables of the environment are ignored', async () => {
  const proxy = await MetadataHost.start();
  process.env['http_proxy'] = proxy.url;
  try {
    expect(await fetchToken('7')).toMatchObject({ kind: 'fetched' });
    expect(proxy.hits.size).toBe(0);
  } finally {
    delete process.env['http_proxy'];
    await proxy.close();
  }
});

it('a host that closes each new connection is requested once, without a retry [D18, D24]', async () => {
  host.misbehave('9', 'closes immediately');

  expect(await fetchToken('9')).toMatchObject({ reason: 'connection_reset' });
  expect(host.hits.get('9')).toBe(1);
});

it("a fetch leaves the host application's own fetch alone", async () => {
  await fetchToken('1');

  // undici as a whole would have put a dispatcher of its own there, which speaks for `fetch` from then on.
  expect(Object.getOwnPropertySymbols(globalThis)).not.toContain(Symbol.for('undici.globalDispatcher.2'));
});

it.each<[string, FetchOptions]>([
  ['allowedHosts', { allowedHosts: ['localhost'] }],
  // Longer than a claim holds, together with all else.
  ['largeBodyQueueTimeoutMs', { largeBodyQueueTimeoutMs: 15_001 }],
])('an invalid option is refused by name: %s', async (name, options) => {
  await expect(fetcher(options)).rejects.toThrow(name);
});
