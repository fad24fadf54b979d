import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { Anvil, MetadataHost } from '@app/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp } from './support/start-app.js';
import { fetchModules } from './support/fetch-modules.js';

const CID = 'QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE';

let first: MetadataHost;
let second: MetadataHost;
let module: TestingModule;
beforeEach(async () => {
  [first, second] = [await MetadataHost.start(), await MetadataHost.start()];
  module = await Test.createTestingModule({
    imports: [
      ...fetchModules({
        allowedHosts: [first.host, second.host],
        // Each of two gateways gets half of it: enough on a busy machine, too.
        deadlineMs: 4000,
        ipfsGateways: [`http://gateway:secret@${first.host}/?key=hidden#x-gateway-token=token`, second.url],
        arweaveGateways: [second.url],
      }),
    ],
  }).compile();
});
afterEach(async () => {
  await module.close();
  await first.close();
  await second.close();
});

const fetchUri = (uri: string, tokenId = '1'): Promise<FetchOutcome> =>
  module.get(MetadataFetcher).fetch({ source: { kind: 'token_uri', uri }, tokenId });

it('a token URI on IPFS is read through the first gateway, whose credentials appear nowhere [A24, A45]', async () => {
  const outcome = await fetchUri(`ipfs://${CID}/1`);

  expect(outcome).toMatchObject({ kind: 'fetched', url: `http://${first.host}/ipfs/${CID}/1`, otherRequests: [] });
  expect(first.lastHeaders).toMatchObject({
    authorization: `Basic ${Buffer.from('gateway:secret').toString('base64')}`,
    'x-gateway-token': 'token',
  });
  expect(first.lastUrl).toBe(`/ipfs/${CID}/1?key=hidden`);
  expect(JSON.stringify(outcome)).not.toMatch(/secret|hidden|x-gateway-token/);
});

it.each<[string, (host: MetadataHost) => unknown, { status: number | null; reason: string }]>([
  ['responds with 504', (host) => host.respond('1', 504), { status: 504, reason: 'status_504' }],
  ['responds with 404', (host) => host.respond('1', 404), { status: 404, reason: 'status_404' }],
  ['hangs', (host) => host.misbehave('1', 'hangs'), { status: null, reason: 'timeout' }],
  [
    'closes immediately',
    (host) => host.misbehave('1', 'closes immediately'),
    { status: null, reason: 'connection_reset' },
  ],
  ['answers with a web page', (host) => host.respond('1', 200, '<html>'), { status: 200, reason: 'not_json' }],
])(
  'when the first gateway %s, the second one is requested within the same deadline [A44]',
  async (_, spoil, failed) => {
    spoil(first);

    const outcome = await fetchUri(`ipfs://${CID}/1`);

    expect(outcome).toMatchObject({ kind: 'fetched', url: `${second.url}/ipfs/${CID}/1` });
    expect(outcome.otherRequests).toMatchObject([{ url: `http://${first.host}/ipfs/${CID}/1`, ...failed }]);
    expect(second.lastHeaders).not.toHaveProperty('authorization');
    expect(second.lastHeaders).not.toHaveProperty('x-gateway-token');
  },
);

it('an image at a token URI is shown at a URL that anybody can load, and its original is the token URI [C14, A45] (S1)', async () => {
  first.misbehave('1', 'sends an image');

  const outcome = await fetchUri(`ipfs://${CID}/1`);

  expect(outcome).toMatchObject({
    url: `http://${first.host}/ipfs/${CID}/1`,
    metadata: {
      imageUrl: `https://ipfs.io/ipfs/${CID}/1`,
      imageOriginal: `ipfs://${CID}/1`,
      raw: `{"image":"ipfs://${CID}/1"}`,
      warnings: ['media_instead_of_document'],
    },
  });
  expect(JSON.stringify(outcome)).not.toMatch(/secret|hidden|x-gateway-token/);
});

it.each([
  [`https://ipfs.io/ipfs/${CID}/1`, `https://ipfs.io/ipfs/${CID}/1`],
  [`https://cloudflare-ipfs.com/ipfs/${CID}/1`, `ipfs://${CID}/1`],
  [`https://ipfs.io/ipfs/ipfs://${CID}/1`, `ipfs://${CID}/1`],
])('a video at %s is the same animation whichever gateway serves it (S1)', async (uri, original) => {
  first.misbehave('1', 'sends a video').respond('1', 500);
  second.misbehave('1', 'sends a video');
  const fromSecond = await fetchUri(uri);
  first.misbehave('1', 'sends a video');
  second.respond('1', 500);

  const fromFirst = await fetchUri(uri);

  const metadata = { animationUrl: `https://ipfs.io/ipfs/${CID}/1`, animationOriginal: original };
  expect(fromSecond).toMatchObject({ url: `${second.url}/ipfs/${CID}/1`, metadata });
  expect(fromFirst).toMatchObject({ url: `http://${first.host}/ipfs/${CID}/1`, metadata });
});

it('the original of an image after a redirect is the token URI [D2] (S1)', async () => {
  first.respond('1', 302, '', { location: `${second.url}/pictures/2` });
  second.misbehave('2', 'sends an image');

  expect(await fetchUri(`${first.url}/1`)).toMatchObject({
    metadata: { imageUrl: `${first.url}/1`, imageOriginal: `${first.url}/1` },
  });
});

it('the redirect of a gateway is shown without its path, in which the gateway may repeat our credentials [A45]', async () => {
  first.respond('1', 302, '', { location: '/kept/secret?key=hidden' }).respond('secret', 404);
  second.respond('1', 302, '', { location: '/moved/2' });

  const outcome = await fetchUri(`ipfs://${CID}/1`);

  expect(outcome).toMatchObject({
    kind: 'fetched',
    redirects: [`${second.url}/moved/2`],
    otherRequests: [{ status: 404, redirects: [first.url] }],
  });
  expect(JSON.stringify(outcome)).not.toMatch(/secret|hidden|x-gateway-token/);
});

it('an image instead of an earlier document is a failure, and the next gateway is requested', async () => {
  const source = { kind: 'token_uri' as const, uri: `ipfs://${CID}/1` };
  const fetch = () => module.get(MetadataFetcher).fetch({ source, tokenId: '1', hasDocument: true });
  first.misbehave('1', 'sends an image');

  expect(await fetch()).toMatchObject({
    kind: 'fetched',
    metadata: { name: 'Token 1' },
    otherRequests: [{ status: 200, reason: 'media_instead_of_document' }],
  });

  second.misbehave('1', 'sends a video');
  expect(await fetch()).toMatchObject({ kind: 'undecodable', reason: 'media_instead_of_document' });
});

it('a failing gateway is requested last for a while', async () => {
  first.respond('1', 500);
  await fetchUri(`ipfs://${CID}/1`);
  const before = first.hits.get('2') ?? 0;

  await fetchUri(`ipfs://${CID}/2`);

  expect([first.hits.get('2') ?? 0, second.hits.get('2')]).toEqual([before, 1]);
});

it('if no gateway has the document and one of them throttles, the token is retried', async () => {
  first.respond('1', 429, '', { 'retry-after': '9' });
  second.respond('1', 404);

  const outcome = await fetchUri(`ipfs://${CID}/1`);

  expect(outcome).toMatchObject({ kind: 'bad_status', status: 429, retryAfterSeconds: 9 });
  expect(outcome.otherRequests).toMatchObject([{ status: 404 }]);
});

it.each([
  [`ar://${'t'.repeat(43)}/1`, () => `${second.url}/${'t'.repeat(43)}/1`],
  [`ipns://name.example/1`, () => `http://${first.host}/ipns/name.example/1`],
  [`https://ipfs.io/ipfs/${CID}/1`, () => `http://${first.host}/ipfs/${CID}/1`],
])('%s is read through our gateways [A31, A40, A42]', async (uri, url) => {
  expect(await fetchUri(uri)).toMatchObject({ kind: 'fetched', url: url() });
});

it('{id} in the token URI and the document of an ERC-1155 contract becomes 64 hex digits [A13, A19]', async () => {
  const hex = '309'.padStart(64, '0');
  first.respond(hex, 200, { name: 'Card {id}' });
  const source = { kind: 'token_uri' as const, uri: `${first.url}/card/{id}`, standard: 'erc1155' as const };

  expect(await module.get(MetadataFetcher).fetch({ source, tokenId: '777' })).toMatchObject({
    url: `${first.url}/card/${hex}`,
    metadata: { name: `Card ${hex}`, raw: '{"name":"Card {id}"}' },
  });
});

it('{id} in a token URI becomes 64 hex digits also if the standard is unknown [A13]', async () => {
  await fetchUri(`${first.url}/card/{id}`, '777');

  expect(first.lastUrl).toBe(`/card/${'309'.padStart(64, '0')}`);
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const named = (name: string, warnings: string[] = []) => ({ kind: 'fetched', metadata: { name, warnings } });
const svg = `<svg xmlns='http://www.w3.org/2000/svg'><rect fill='#fff'/></svg>`;

it.each<[string, string, object]>([
  ['base64 [B1]', `data:application/json;base64,${base64('{"name":"a"}')}`, named('a')],
  ['base64 with blanks inside [B2]', `data:application/json;base64,${base64(' {"name": "a"} ')}`, named('a')],
  ['base64 beyond ASCII [B3]', `data:application/json;base64,${base64('{"name":"naïf 🦊"}')}`, named('naïf 🦊')],
  [
    'base64 without padding [B4]',
    `data:application/json;base64,${base64('{"name":"ab"}').replace(/=+$/, '')}`,
    named('ab'),
  ],
  [
    'base64, URL-safe [B4]',
    `data:application/json;base64,${Buffer.from('{"name":"??>>~~"}').toString('base64url')}`,
    named('??>>~~'),
  ],
  [
    'base64 in lines [B4]',
    `data:application/json;base64,${base64('{"name":"a"}').replace(/.{5}/g, '$&\r\n')}`,
    named('a'),
  ],
  ['base64 that is none [B5]', 'data:application/json;base64,@@@', { kind: 'undecodable', reason: 'invalid_data_uri' }],
  ['utf8 with apostrophes [B6]', `data:application/json;utf8,{"name":"it's"}`, named("it's")],
  ['raw [B7]', 'data:application/json,{"name":"a, b"}', named('a, b')],
  ['percent-encoded [B8]', 'data:application/json,%7B%22name%22%3A%20%22a%22%7D', named('a')],
  ['raw and percent-encoded [B9]', 'data:application/json,{"name":"blue%20door"}', named('blue door')],
  ['raw, with % [B10]', 'data:application/json,{"name":"100% pure"}', named('100% pure')],
  ['raw, with # and + [B11]', 'data:application/json,{"name":"#1 + #2"}', named('#1 + #2')],
  ['base64 with a charset [B12]', `data:application/json;charset=utf-8;base64,${base64('{"name":"é"}')}`, named('é')],
  ['text by its type [B13]', 'data:text/plain,{"name":"a"}', named('a')],
  [
    'a picture [B14]',
    `data:image/svg+xml;base64,${base64(svg)}`,
    { metadata: { imageUrl: `data:image/svg+xml;base64,${base64(svg)}` } },
  ],
  ['without a comma [B15]', 'data:application/json', { kind: 'undecodable', reason: 'invalid_data_uri' }],
  ['inline [B16]', '{"name":"a"}', named('a')],
  ['inline and no JSON [B17]', '{not json}', { kind: 'undecodable', reason: 'invalid_json' }],
  [
    'larger than 5 MiB [B19]',
    `data:application/json,{"name":"${'a'.repeat(5 * 1024 * 1024)}"}`,
    { kind: 'unreachable', reason: 'too_large' },
  ],
  [
    'larger than 5 MiB in base64 [B19]',
    `data:application/json;base64,${base64(`{"name":"${'a'.repeat(5 * 1024 * 1024)}"}`)}`,
    { kind: 'unreachable', reason: 'too_large' },
  ],
  [
    'with a picture inside [B20] (D21)',
    `data:application/json,{"image":"data:image/svg+xml;utf8,${svg}"}`,
    {
      metadata: {
        imageUrl: `data:image/svg+xml;utf8,${svg.replace('#', '%23')}`,
        imageOriginal: `data:image/svg+xml;utf8,${svg}`,
      },
    },
  ],
])('a token URI that is a document itself is read without a request: %s', async (_, uri, outcome) => {
  expect(await fetchUri(uri)).toMatchObject(outcome);

  expect([first.hits.size, second.hits.size]).toEqual([0, 0]);
});

it.each<[string, string, object]>([
  ['nothing [A4]', '', { reason: 'no_uri', url: '' }],
  ['blanks [A5]', ' \n', { reason: 'no_uri', url: '' }],
  ['no CID [A38]', 'ipfs://invalid', { reason: 'invalid_uri' }],
  ['a path without a CID [A39]', 'ipfs:///path', { reason: 'invalid_uri' }],
  ['of another scheme [A47]', 'ftp://host.example/1.json', { reason: 'unsupported_scheme' }],
  ['a file [A47]', 'file:///etc/passwd', { reason: 'unsupported_scheme' }],
  ['relative [A48]', '1993.jpg', { reason: 'invalid_uri' }],
  [
    '10,000 characters long [A49]',
    `https://host.example/${'a'.repeat(10_000)}`,
    { reason: 'invalid_uri', url: `https://host.example/${'a'.repeat(179)}` },
  ],
  [
    'with user info [A50]',
    'https://user:password@host.example/1',
    { reason: 'invalid_uri', url: 'https://host.example/1' },
  ],
])('a token URI that leads nowhere is refused without a request: %s', async (_, uri, outcome) => {
  expect(await fetchUri(uri)).toMatchObject({ kind: 'unreachable', ...outcome });

  expect([first.hits.size, second.hits.size]).toEqual([0, 0]);
});

it('a token URI inside a data: URI is followed for one level [B18]', async () => {
  const inside = (uri: string) => `data:text/plain;base64,${base64(uri)}`;

  expect(await fetchUri(inside(`ipfs://${CID}/1`))).toMatchObject(named('Token 1'));
  expect(await fetchUri(inside(inside(inside(`ipfs://${CID}/1`))))).toMatchObject({ kind: 'undecodable' });
  expect(first.hits.get('1')).toBe(1);
});

it('the credentials of a gateway are nowhere in the database, neither after a success nor after a failure [A45]', async () => {
  const test = await startApp({
    safeHttp: { allowedHosts: [first.host, second.host] },
    metadataFetch: {
      ipfsGateways: [
        `http://gateway:s3cret@${first.host}/?key=hidden#x-gateway-token=t0ken`,
        `${second.url}/?key=hidden`,
      ],
    },
  });
  const project = await test.aProject({ tokens: ['1', '2', '3'], metadataUrl: `ipfs://${CID}` });
  first
    .respond('1', 200, { image: `ipfs://${CID}/1.png` })
    .respond('2', 500, 'busy')
    .respond('3', 404, 'gone');
  second.respond('3', 404, 'gone');

  const refreshId = await requestRefresh(test.app, project, ['1', '2', '3']);
  await test.worker.runOnce();

  const summary = await readRefresh(test.app, project, refreshId);
  const tables = await test.database.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'nft_metadata' and table_type = 'BASE TABLE'`,
  );
  const stored: Record<string, string> = {};
  for (const { name } of tables) {
    stored[name] = JSON.stringify(
      await test.database.query(`select row_to_json(each) from nft_metadata.${name} as each`),
    );
  }
  await test.stop();
  const basic = Buffer.from('gateway:s3cret').toString('base64');
  expect(first.lastUrl).toContain('key=hidden');
  expect(summary).toMatchObject({ summary: { succeeded: 2, failed: 1 } });
  expect(stored).toMatchObject({
    tokens: expect.stringContaining(`http://${first.host}/ipfs/${CID}/1`) as string,
    refresh_errors: expect.stringContaining('status_404') as string,
    refresh_attempts: expect.stringContaining('status_500') as string,
    event_outbox: expect.stringContaining('image') as string,
  });
  expect(JSON.stringify(stored)).not.toMatch(new RegExp(`s3cret|hidden|t0ken|${basic}`));
});

it('a collection may have its documents on IPFS: the gateways that were asked are in the attempts [A44]', async () => {
  const test = await startApp({
    safeHttp: { allowedHosts: [first.host, second.host] },
    metadataFetch: { ipfsGateways: [first.url, second.url] },
  });
  const project = await test.aProject({ tokens: ['1'], metadataUrl: `ipfs://${CID}` });
  first.respond('1', 500);

  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();

  const token = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`).expect(200);
  const attempts = await http(test.app)
    .get(`/v1/collections/${project.collectionAddress}/tokens/1/attempts`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  await test.stop();
  expect(token.body).toMatchObject({ name: 'Token 1', metadata_url: `${second.url}/ipfs/${CID}/1` });
  expect((attempts.body as { result: object[] }).result).toMatchObject([
    { url: `${second.url}/ipfs/${CID}/1`, outcome: 'fetched', attempt: 1 },
    { url: `${first.url}/ipfs/${CID}/1`, outcome: 'bad_status', status_code: 500, attempt: 1 },
  ]);
});

it('the record of an image at a token URI does not depend on the gateway that serves it, and no event is sent (S1)', async () => {
  const node = await Anvil.start();
  const contract = await node.deploy('Potions');
  await node.send(contract, 'setUri', `ipfs://${CID}`);
  const test = await startApp(
    {
      safeHttp: { allowedHosts: [first.host, second.host, new URL(node.url).host] },
      metadataFetch: {
        ipfsGateways: [`${first.url}/#x-gateway-token=t0ken`, second.url],
        rpcUrls: { [node.chainId]: node.url },
      },
    },
    {},
  );
  const project = await test.aProject({
    tokens: ['1'],
    contract: { chainId: node.chainId, address: await contract.getAddress(), uriRule: 'append_decimal' },
  });
  const readToken = async () => {
    const { body } = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`).expect(200);
    return body as Record<string, unknown>;
  };
  const refreshed = async (working: MetadataHost, broken: MetadataHost) => {
    working.misbehave('1', 'sends an image');
    broken.respond('1', 500);
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const { metadata_url, ...record } = await readToken();
    expect(metadata_url).toBe(`${working.url}/ipfs/${CID}/1`);
    return record;
  };

  const records = [await refreshed(first, second), await refreshed(second, first), await refreshed(first, second)];

  const changes = await test.database.query<{ told: string }>(
    'select row_to_json(event)::text as told from nft_metadata.event_outbox as event',
  );
  await test.stop();
  await node.stop();
  expect(records[0]).toMatchObject({
    image_url: `https://ipfs.io/ipfs/${CID}/1`,
    image_original: `ipfs://${CID}/1`,
    document: { image: `ipfs://${CID}/1` },
    metadata_version: 1,
    image_version: 1,
  });
  const withoutTimes = records.map((record) => ({ ...record, last_attempt_at: '', last_success_at: '' }));
  expect(withoutTimes).toEqual([withoutTimes[0], withoutTimes[0], withoutTimes[0]]);
  const told = changes.map(({ told }) => told);
  expect(told.filter((event) => event.includes('imageUrl'))).toHaveLength(1);
  for (const { host } of [first, second]) expect(JSON.stringify([records, told])).not.toContain(host);
});
