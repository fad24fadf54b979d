import { createServer, type AddressInfo, type Server } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { MetadataHost } from '@app/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { expectSucceeded, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { fetchModules } from './support/fetch-modules.js';

const CID = 'QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE';
const DOCUMENT = '{"name":"A"}';
const SIZE = DOCUMENT.length;

/** A host that answers each request with these bytes and closes the connection, whatever HTTP thinks of them. */
let raw: Server;
let rawHost: string;
let bytesToSend: Buffer;
/** A host that speaks HTTP. */
let host: MetadataHost;
let module: TestingModule;
beforeAll(async () => {
  raw = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytesToSend));
  });
  await new Promise<void>((done) => raw.listen(0, '127.0.0.1', done));
  rawHost = `127.0.0.1:${(raw.address() as AddressInfo).port}`;
  host = await MetadataHost.start();
  module = await Test.createTestingModule({
    imports: fetchModules({ allowedHosts: [rawHost, host.host] }),
  }).compile();
});
afterAll(async () => {
  await module.close();
  await host.close();
  await new Promise((done) => raw.close(done));
});

const fetchFrom = (url: string): Promise<FetchOutcome> =>
  module.get(MetadataFetcher).fetch({ source: { kind: 'metadata_api', url }, tokenId: '1' });

function fetchRaw(response: string | Buffer): Promise<FetchOutcome> {
  bytesToSend = Buffer.from(response as string, 'latin1');
  return fetchFrom(`http://${rawHost}/raw`);
}

function fetchBody(body: string | Buffer, headers: Record<string, string>): Promise<FetchOutcome> {
  host.respond('1', 200, body, headers);
  return fetchFrom(`${host.url}/cats`);
}

const read = { kind: 'fetched', metadata: { name: 'A' } };
const noHttp = { kind: 'unreachable', reason: 'incomplete_body' };

it.each(['UTF-8', 'aws-chunked', 'none', ''])(
  'a body with the coding %j, which means no compression, is read as it is (H1)',
  async (coding) => {
    expect(await fetchBody(DOCUMENT, { 'content-encoding': coding })).toMatchObject(read);
  },
);

it('gzip that is not declared is refused (H3)', async () => {
  expect(await fetchBody(gzipSync(DOCUMENT), {})).toMatchObject({ kind: 'undecodable', reason: 'invalid_encoding' });
});

it.each([
  [403, { kind: 'bad_status', status: 403 }],
  [503, { kind: 'bad_status', status: 503 }],
  [200, { kind: 'undecodable', reason: 'not_json' }],
])('the page of a CDN that requires a browser, with status %i, is a failure (H7)', async (status, outcome) => {
  host.respond('1', status, '<!DOCTYPE html><title>Just a moment...</title>', { 'content-type': 'text/html' });

  expect(await fetchFrom(`${host.url}/cats`)).toMatchObject(outcome);
});

it('a redirect is followed, with spaces and UTF-8 in its Location encoded (H11)', async () => {
  host.respond('1', 302, '', { location: Buffer.from('/cats/a b/é/2').toString('latin1') });
  host.respond('2', 200, DOCUMENT);

  expect(await fetchFrom(`${host.url}/cats`)).toMatchObject(read);
});

it('a page that sets a cookie and redirects to itself fails as too many redirects (H11)', async () => {
  host.respond('1', 302, '', { location: '/cats/1', 'set-cookie': 'seen=1' });

  expect(await fetchFrom(`${host.url}/cats`)).toMatchObject({ kind: 'unreachable', reason: 'too_many_redirects' });
});

it.each<[string, string, Buffer]>([
  ['JSON declared as a web page', 'text/html', Buffer.from(DOCUMENT)],
  ['UTF-16 with a byte order mark', 'application/json', Buffer.from(`\ufeff${DOCUMENT}`, 'utf16le')],
  ['a declared windows-1251', 'application/json; charset=windows-1251', Buffer.from(DOCUMENT)],
])('%s is read (H12)', async (_, type, body) => {
  expect(await fetchBody(body, { 'content-type': type })).toMatchObject(read);
});

describe('lists of content codings', () => {
  it.each<[string, Buffer]>([
    ['aws-chunked,gzip', gzipSync(DOCUMENT)],
    ['gzip,aws-chunked', gzipSync(DOCUMENT)],
    ['identity, gzip', gzipSync(DOCUMENT)],
    ['GZIP , , none', gzipSync(DOCUMENT)],
    ['gzip, gzip', gzipSync(gzipSync(DOCUMENT))],
    ['gzip, br', brotliCompressSync(gzipSync(DOCUMENT))],
    ['br, x-gzip, deflate', deflateSync(gzipSync(brotliCompressSync(DOCUMENT)))],
    ['identity, utf-8', Buffer.from(DOCUMENT)],
  ])('a body with a list of content codings is decoded in order: %s (H2)', async (codings, body) => {
    expect(await fetchBody(body, { 'content-encoding': codings })).toMatchObject(read);
  });

  it('content codings in several headers are decoded in order (H2)', async () => {
    const body = gzipSync(gzipSync(DOCUMENT));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;

    expect(await fetchRaw(Buffer.concat([Buffer.from(head), body]))).toMatchObject(read);
  });

  it('a body with more than three content codings is refused (H2)', async () => {
    const body = gzipSync(gzipSync(gzipSync(gzipSync(DOCUMENT))));

    expect(await fetchBody(body, { 'content-encoding': 'gzip, gzip, gzip, gzip' })).toMatchObject({
      kind: 'undecodable',
      reason: 'invalid_encoding',
    });
  });

  it('a decompression bomb inside of another content coding is too large (H2)', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')));

    expect(await fetchBody(bomb, { 'content-encoding': 'gzip, gzip' })).toMatchObject({ reason: 'too_large' });
  });

  it('a body that lacks one of its declared content codings is incomplete (H2)', async () => {
    expect(await fetchBody(gzipSync(DOCUMENT), { 'content-encoding': 'gzip, gzip' })).toMatchObject(noHttp);
  });
});

describe('gzip bodies', () => {
  const zipped = gzipSync(DOCUMENT);

  it.each<[string, Buffer]>([
    ['a line feed behind it', Buffer.concat([zipped, Buffer.from('\n')])],
    ['a line break and blanks behind it', Buffer.concat([zipped, Buffer.from('\r\n\t  ')])],
    ['zeros behind it', Buffer.concat([zipped, Buffer.alloc(20)])],
    ['two members', Buffer.concat([gzipSync('{"name":'), gzipSync('"A"}')])],
    ['two members and a line feed', Buffer.concat([gzipSync('{"name":'), gzipSync('"A"}'), Buffer.from('\n')])],
  ])('a gzip body is read with %s (H4)', async (_, body) => {
    expect(await fetchBody(body, { 'content-encoding': 'gzip' })).toMatchObject(read);
  });

  it('a gzip body is read whatever bytes its chunks end with (H4)', async () => {
    // Compressed bytes that are white space are held back at the end of a chunk, and have to come again.
    const text = JSON.stringify({ name: 'A', description: Array.from({ length: 5000 }, (_, i) => i).join(' ') });
    const body = gzipSync(text);
    const chunks = [...body].map((byte) => Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]));
    const head = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n';

    const outcome = await fetchRaw(Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]));

    expect(body.filter((byte) => byte === 0x20 || byte === 0x0a).length).toBeGreaterThan(10);
    expect(outcome).toMatchObject({ kind: 'fetched', metadata: { raw: text } });
  });

  it.each<[string, Buffer]>([
    ['other bytes behind it', Buffer.concat([zipped, Buffer.from('<!-- cached -->')])],
    ['a second member that is cut off', Buffer.concat([zipped, zipped.subarray(0, -9)])],
    ['white space instead of its end', Buffer.concat([zipped.subarray(0, -9), Buffer.from('\n\n')])],
  ])('a gzip body is not read with %s (H4)', async (_, body) => {
    expect(await fetchBody(body, { 'content-encoding': 'gzip' })).toMatchObject(noHttp);
  });
});

describe('HTTP that cannot be parsed safely', () => {
  const chunked = `c\r\n${DOCUMENT}\r\n0\r\n\r\n`;

  it.each([
    [
      'a length beside chunks',
      `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    ],
    [
      'chunks beside a length',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: ${SIZE}\r\n\r\n${chunked}`,
    ],
    ['a length twice', `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\nContent-Length: ${SIZE}\r\n\r\n${DOCUMENT}`],
    ['a list of lengths', `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}, ${SIZE}\r\n\r\n${DOCUMENT}`],
    ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\nContent-Length: 5\r\n\r\n${DOCUMENT}`],
    ['an error with a length twice', `HTTP/1.1 404 No\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nno`],
  ])(
    'HTTP that cannot be parsed safely is an incomplete body, not a connection error: %s (H5)',
    async (_, response) => {
      expect(await fetchRaw(response)).toMatchObject(noHttp);
    },
  );

  it.each([
    ['lines that end in LF only', `HTTP/1.1 200 OK\nContent-Length: ${SIZE}\n\n${DOCUMENT}`],
    ['one line that ends in LF only', `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\n\n${DOCUMENT}`],
    ['100 that nobody asked for', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n${DOCUMENT}`],
    ['101 to another protocol', 'HTTP/1.1 101 Other\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'],
    ['101 to nothing', 'HTTP/1.1 101 Other\r\n\r\n'],
  ])(
    'HTTP that cannot be parsed safely is an incomplete body, not a connection error: %s (H6)',
    async (_, response) => {
      expect(await fetchRaw(response)).toMatchObject(noHttp);
    },
  );

  it('a host that closes the connection before a response fails as connection_reset (H6)', async () => {
    expect(await fetchRaw('HTTP/1.1 200')).toMatchObject({ kind: 'unreachable', reason: 'connection_reset' });
  });
});

it.each<[string, Record<string, string>, number | undefined]>([
  ['RateLimit-Reset', { 'ratelimit-reset': '12' }, 12],
  ['X-RateLimit-Reset in seconds', { 'x-ratelimit-reset': '12' }, 12],
  ['X-RateLimit-Reset as a time', { 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 40_000) }, 40_000],
  ['RateLimit', { ratelimit: '"default";r=0;t=12' }, 12],
  ['both, of which Retry-After counts', { 'retry-after': '7', 'x-ratelimit-reset': '12' }, 7],
  ['a limit of which something is left', { 'x-ratelimit-reset': '12', 'x-ratelimit-remaining': '3' }, undefined],
])('a host that responds with 429 is retried after the delay in %s (H9)', async (_, headers, seconds) => {
  host.respond('1', 429, '', headers);

  const { retryAfterSeconds } = (await fetchFrom(`${host.url}/cats`)) as { retryAfterSeconds?: number };

  if (seconds === undefined) return expect(retryAfterSeconds).toBeUndefined();
  expect(retryAfterSeconds).toBeGreaterThan(seconds - 60);
  expect(retryAfterSeconds).toBeLessThanOrEqual(seconds);
});

it.each([
  ['Sunday, 06-Nov-33 08:49:37 GMT', 'of RFC 850'],
  ['Sun Nov  6 08:49:37 2033', 'of asctime'],
])('Retry-After may be the date %s, in the obsolete form %s (H10)', async (date) => {
  host.respond('1', 503, '', { 'retry-after': date });

  expect(await fetchFrom(`${host.url}/cats`)).toMatchObject({ status: 503, retryAfterSeconds: 86_400 });
});

it.each<[string, string, BufferEncoding | 'utf16be', string]>([
  ['UTF-16BE, declared and without a mark', 'application/json; charset=utf-16be', 'utf16be', '\n {"name":"A"}'],
  ['UTF-16LE, declared and without a mark', 'application/json; charset=utf-16le', 'utf16le', '\r\n{"name":"A"}'],
  ['UTF-16BE, undeclared', 'application/json', 'utf16be', '\n{"name":"A"}'],
  ['UTF-16LE, declared as UTF-8', 'application/json; charset=utf-8', 'utf16le', ' {"name":"A"}'],
  ['UTF-8, declared as UTF-16', 'application/json; charset=utf-16', 'utf8', '\n{"name":"A"}'],
])('a document behind a line break is read in %s (H13)', async (_, contentType, encoding, text) => {
  const body = encoding === 'utf16be' ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text, encoding);

  expect(await fetchBody(body, { 'content-type': contentType })).toMatchObject(read);
});

describe('202', () => {
  let gateway: MetadataHost;
  let otherGateway: MetadataHost;
  let test: TestApp;
  beforeEach(async () => {
    [gateway, otherGateway] = [await MetadataHost.start(), await MetadataHost.start()];
  });
  afterEach(async () => {
    await test.stop();
    await gateway.close();
    await otherGateway.close();
  });

  async function start(gateways: readonly MetadataHost[], metadataUrl?: string) {
    const urls = gateways.map(({ url }) => url);
    test = await startApp(
      { metadataFetch: { ipfsGateways: urls, arweaveGateways: urls } },
      { otherHosts: [gateway, otherGateway] },
    );
    const project = await test.aProject({ tokens: ['1'], ...(metadataUrl && { metadataUrl }) });
    return { project, refreshId: await requestRefresh(test.app, project, ['1']) };
  }

  it('the 202 of a gateway is retried, after the delay that it asks for (H8)', async () => {
    gateway.script(
      '1',
      { status: 202, body: 'Pending', headers: { 'retry-after': '30' } },
      { status: 202, body: 'Pending' },
      { status: 200, body: { name: 'Mined' } },
    );
    const { project, refreshId } = await start([gateway], `ar://${'t'.repeat(43)}`);
    await test.database.freezeTime();

    await test.worker.runOnce();
    await test.database.advance(29);
    await test.worker.runOnce();
    const early = gateway.hits.get('1');
    await test.database.advance(1);
    await test.worker.runOnce();
    await test.database.advance(10);
    await test.worker.runOnce();

    expect(early).toBe(1);
    expect(gateway.hits.get('1')).toBe(3);
    await expectSucceeded(test.app, project, refreshId, 1);
  });

  it('the 202 of a gateway does not stop the failover to the next one (H8)', async () => {
    gateway.respond('1', 202, 'Pending');
    const { project, refreshId } = await start([gateway, otherGateway], `ipfs://${CID}`);

    await test.worker.runOnce();

    expect([gateway.hits.get('1'), otherGateway.hits.get('1')]).toEqual([1, 1]);
    await expectSucceeded(test.app, project, refreshId, 1);
  });

  it('the 202 of one gateway is retried although another one responds with 404, and fails after three tries (H8)', async () => {
    gateway.respond('1', 202, 'Pending');
    otherGateway.respond('1', 404, 'unknown');
    const { project, refreshId } = await start([gateway, otherGateway], `ipfs://${CID}`);

    for (let tries = 0; tries < 5; tries += 1) {
      await test.worker.runOnce();
      await test.database.advance(60);
    }

    expect([gateway.hits.get('1'), otherGateway.hits.get('1')]).toEqual([3, 3]);
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { error_code: 'invalid_response_status_code', reason: 'status_202', client_response_status_code: 202 },
    ]);
  });

  it('the 202 of a Metadata API fails at once: the guide retries 429 and 503 only (H8)', async () => {
    const { project, refreshId } = await start([gateway]);
    test.metadataApi.respond('1', 202, 'Pending', { 'retry-after': '1' });

    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { failed: 1 } });
    expect(test.metadataApi.hits.get('1')).toBe(1);
  });
});
