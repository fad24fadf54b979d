import {
  MetadataFetcher,
  MetadataFetchModule,
  type FetchOutcome,
  type MetadataFetchOptions,
} from '@app/metadata-fetch';
import { Test, type TestingModule } from '@nestjs/testing';
import { prepareBombs, type Behaviour } from './support/host-behaviours.js';
import { MetadataHost } from './support/metadata-host.js';

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
async function fetcher(options: MetadataFetchOptions = {}): Promise<MetadataFetcher> {
  const complete = { allowedHosts: [host.host], deadlineMs: 1000, maxBytes: 1024 * 1024, ...options };
  const module = await Test.createTestingModule({ imports: [MetadataFetchModule.forRoot(complete)] }).compile();
  modules.push(module);
  return module.get(MetadataFetcher);
}

async function fetchToken(
  tokenId: string,
  options?: MetadataFetchOptions,
  url = `${host.url}/collection`,
): Promise<FetchOutcome> {
  return (await fetcher(options)).fetch({ source: { kind: 'metadata_api', url }, tokenId });
}

it('reads a document from the Metadata API, with a slash between its URL and the token id', async () => {
  const outcome = await fetchToken('1', {}, `${host.url}/collection/`);

  expect(outcome).toMatchObject({ kind: 'fetched', url: `${host.url}/collection/1`, metadata: { name: 'Token 1' } });
});

it.each<[Behaviour, object]>([
  ['hangs', { kind: 'unreachable', reason: 'timeout' }],
  ['drips a byte at a time', { kind: 'unreachable', reason: 'timeout' }],
  ['closes at once', { kind: 'unreachable', reason: 'connection_reset' }],
  ['stops in the middle of the body', { kind: 'unreachable' }],
  ['declares too much', { kind: 'unreachable', reason: 'too_large' }],
  ['sends without end', { kind: 'unreachable', reason: 'too_large' }],
  ['sends a gzip bomb', { kind: 'unreachable', reason: 'too_large' }],
  ['sends a brotli bomb', { kind: 'unreachable', reason: 'too_large' }],
  ['cuts a gzip body', { kind: 'unreachable', reason: 'incomplete_body' }],
  ['sends gzip', { kind: 'fetched', metadata: { name: 'gzip' } }],
  ['sends brotli', { kind: 'fetched', metadata: { name: 'br' } }],
  ['sends deflate', { kind: 'fetched', metadata: { name: 'deflate' } }],
  ['redirects once', { kind: 'fetched', metadata: { name: 'Token elsewhere' } }],
  ['redirects in a circle', { kind: 'unreachable', reason: 'too_many_redirects' }],
  ['redirects to the cloud metadata service', { kind: 'unreachable', reason: 'blocked_address' }],
  ['redirects to loopback', { kind: 'unreachable', reason: 'blocked_address' }],
  ['redirects to a file', { kind: 'unreachable', reason: 'unsupported_scheme' }],
])('knows what to make of a host that %s', async (behaviour, expected) => {
  const tokenId = String(1000 + behaviour.length);
  host.misbehave(tokenId, behaviour);

  expect(await fetchToken(tokenId)).toMatchObject(expected);
});

it.each([201, 204, 301, 304, 400, 404, 410, 500])('takes %i for an answer that is no metadata', async (status) => {
  host.answer('2', status, status === 204 || status === 304 ? '' : 'why');

  expect(await fetchToken('2')).toMatchObject({ kind: 'bad_status', status });
});

it.each([429, 503])('passes on how long a host that answers %i asks to be left alone', async (status) => {
  host.answer('3', status, '', { 'retry-after': '17' });

  expect(await fetchToken('3')).toMatchObject({ kind: 'bad_status', status, retryAfterSeconds: 17 });
});

it('asks whether a document has changed, and takes 304 for no', async () => {
  host.answer('4', 304);
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

it('sends validators to nobody else, and does not believe an elsewhere that says 304', async () => {
  const elsewhere = await MetadataHost.start();
  elsewhere.answer('8', 304);
  host.answer('8', 302, '', { location: `${elsewhere.url}/8` });
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

it('says who it is, and sends nothing that could identify anybody', async () => {
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

it('keeps 4 KB of an error, as text that can be stored', async () => {
  host.answer('6', 500, Buffer.concat([Buffer.from('a\u0000é'), Buffer.alloc(10_000, 'x')]));

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
])('never dials %s, although another port of this machine is allowed', async (address) => {
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

it('does not honour proxy variables', async () => {
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

it('refuses a wrong option and says which', async () => {
  const wrong = MetadataFetchModule.forRoot({ allowedHosts: ['localhost'] });
  await expect(Test.createTestingModule({ imports: [wrong] }).compile()).rejects.toThrow(/allowedHosts/);
});
