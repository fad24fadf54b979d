import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { tokenSchema, type ConsoleError } from '../libs/console/src/wire/index.js';
import { ConsoleVisitor } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';

const FETCH_DEADLINE_MS = 1500;
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>parent.ran = 1</script></svg>';

/** A host of pictures that the deployment may reach although it is on this machine, and a secret one that it may not. */
let gallery: Gallery;
let secret: Gallery;
let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  [gallery, secret] = [await Gallery.start(), await Gallery.start()];
  secret.pictures['/secret.png'] = { body: PIXEL };
  ({ test, operator } = await startConsoleApp(
    { safeHttp: { lookup: resolve } },
    { otherHosts: [gallery], variables: { FETCH_DEADLINE_MS: String(FETCH_DEADLINE_MS) } },
  ));
});
afterAll(async () => {
  await test.stop();
  await gallery.close();
  await secret.close();
});
beforeEach(() => {
  gallery.forget();
  secret.requests.length = 0;
});

/** The name server of a stranger, when the connection is opened. */
const resolve: LookupFunction = (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

interface Served {
  type?: string;
  body?: Buffer | string;
  redirect?: string;
  /** How long it takes. */
  afterMs?: number;
  /** It never ends. */
  isEndless?: boolean;
}

class Gallery {
  readonly requests: string[] = [];
  pictures: Record<string, Served> = {};

  private constructor(private readonly server: Server) {
    server.on('request', ({ url = '' }: { url?: string }, response) => {
      this.requests.push(url);
      const { type = 'image/png', body = '', redirect, afterMs = 0, isEndless } = this.pictures[url] ?? {};
      if (redirect !== undefined) return response.writeHead(302, { location: redirect }).end();
      response.writeHead(this.pictures[url] ? 200 : 404, { 'content-type': type });
      if (isEndless) response.write(PIXEL);
      else setTimeout(() => response.end(body), afterMs);
    });
  }

  static async start(): Promise<Gallery> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new Gallery(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  forget(): void {
    this.requests.length = 0;
    this.pictures = {};
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

/** A token whose record has this picture. Set in the record, because documents that name a private address lose it. */
async function aTokenWith(imageUrl: string): Promise<{ project: TestProject; path: string }> {
  const project = await test.aProject({ tokens: ['1'] });
  await refreshOnce(test, project, ['1']);
  await setPicture(project, imageUrl);
  return { project, path: `tokens/1/${project.collectionAddress}/1` };
}

function setPicture({ collectionId }: TestProject, imageUrl: string): Promise<unknown> {
  return test.database.query(
    `update nft_metadata.token_documents set image_url = $1
     where id in (select id from nft_metadata.tokens where collection_id = $2)`,
    [imageUrl, collectionId],
  );
}

const urlOf = (path: string) => `http://${gallery.host}${path}`;

it('opening a token requests nothing; its picture is one request of the service, to the URL of the record, whatever the query says [K36]', async () => {
  gallery.pictures['/pixel.png'] = { type: 'text/plain', body: PIXEL };
  const { path } = await aTokenWith(urlOf('/pixel.png'));

  const { token } = await operator.read(path, tokenSchema);
  expect(token.actions.image).toBe(true);
  expect(gallery.requests).toEqual([]);

  const picture = await operator.get(`${path}/image?v=1&url=${encodeURIComponent(`http://${secret.host}/secret.png`)}`);
  expect(picture.status).toBe(200);
  expect(picture.body).toEqual(PIXEL);
  expect(picture.headers).toMatchObject({
    'content-type': 'image/png',
    'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; sandbox`,
    'x-content-type-options': 'nosniff',
    'content-disposition': 'inline; filename="token"',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  // The second one is kept in memory.
  await operator.get(`${path}/image`).expect(200);
  expect(gallery.requests).toEqual(['/pixel.png']);
  expect(secret.requests).toEqual([]);
});

it('a picture in a data: URI needs no request', async () => {
  const { path } = await aTokenWith(`data:image/svg+xml;base64,${Buffer.from(SVG).toString('base64')}`);

  const picture = await operator.get(`${path}/image`).expect(200);

  expect(picture.headers['content-type']).toBe('image/svg+xml');
  expect(String(picture.body)).toBe(SVG);
});

it('a picture may take longer than the document of a token', async () => {
  gallery.pictures['/slow.png'] = { body: PIXEL, afterMs: FETCH_DEADLINE_MS + 500 };
  const { path } = await aTokenWith(urlOf('/slow.png'));

  const picture = await operator.get(`${path}/image`).expect(200);

  expect(picture.body).toEqual(PIXEL);
});

const MIB = 1024 * 1024;
const hugePng = () => {
  const bytes = Buffer.from(PIXEL);
  bytes.writeUInt32BE(60_000, 16);
  return bytes;
};

describe('a picture is refused with a reason [K37]', () => {
  it.each<[what: string, served: Served | null, url: () => string, reason: RegExp]>([
    ['at 127.0.0.1', null, () => `http://${secret.host}/secret.png`, /private network/],
    ['at a redirect to 127.0.0.1', { redirect: 'secret' }, () => urlOf('/picture'), /private network/],
    ['at the address of a cloud’s own metadata', null, () => 'http://169.254.169.254/latest', /private network/],
    ['of 6 MiB', { body: Buffer.concat([PIXEL, Buffer.alloc(6 * MIB)]) }, () => urlOf('/picture'), /larger than 5 MiB/],
    [
      'that is HTML and calls itself image/png',
      { body: '<!doctype html><script>1</script>' },
      () => urlOf('/picture'),
      /not PNG, JPEG, GIF, WebP, AVIF or SVG, and its server calls it image\/png/,
    ],
    ['60,000 pixels wide', { body: hugePng() }, () => urlOf('/picture'), /60000 × 1 pixels/],
    ['that never ends', { isEndless: true }, () => urlOf('/picture'), /did not send all of it within 5 seconds/],
    ['that is missing', null, () => urlOf('/nothing'), /status 404/],
    ['of another scheme', null, () => 'ftp://pictures.example/1.png', /not one of http, https, IPFS or Arweave/],
    ['with a port of another service', null, () => 'http://pictures.example:25/1.png', /port from which nothing/],
  ])('%s', async (_, served, url, reason) => {
    if (served) {
      const redirect = served.redirect && `http://${secret.host}/secret.png`;
      gallery.pictures['/picture'] = { ...served, ...(redirect && { redirect }) };
    }
    const { path } = await aTokenWith(url());

    const refused = await operator.get(`${path}/image`);

    expect(refused.status).toBe(409);
    expect(refused.body as ConsoleError).toMatchObject({
      code: 'no_picture',
      message: expect.stringMatching(reason) as string,
    });
    expect(secret.requests).toEqual([]);
  });

  it('at a name that is this machine by the time the connection is opened', async () => {
    const { path } = await aTokenWith('http://rebinding.example/secret.png');

    const refused = await operator.get(`${path}/image`);

    expect(refused.body).toMatchObject({
      code: 'no_picture',
      message: expect.stringMatching(/private network/) as string,
    });
  });
});

it('a partner gets no picture of another’s token, as of one that does not exist [K20]', async () => {
  gallery.pictures['/pixel.png'] = { body: PIXEL };
  const { path } = await aTokenWith(urlOf('/pixel.png'));
  const stranger = await test.aProject({ tokens: ['1'] });
  const partner = await new ConsoleVisitor(test.app).withApiKey(stranger.apiKey);

  await partner.get(`${path}/image`).expect(404);
  await operator.get(`tokens/1/${stranger.collectionAddress}/99/image`).expect(404);
  await operator.get(`tokens/1/${stranger.collectionAddress}/1/image`).expect(404);
  await new ConsoleVisitor(test.app).get(`${path}/image`).expect(401);
  expect(gallery.requests).toEqual([]);
});

it('a session loads 60 pictures a minute, and four at once', async () => {
  gallery.pictures['/endless'] = { isEndless: true };
  const { project, path } = await aTokenWith(urlOf('/endless'));
  const visitor = await new ConsoleVisitor(test.app).asOperator();

  const responses = await Promise.all(Array.from({ length: 5 }, () => visitor.get(`${path}/image`)));
  expect(responses.filter(({ status }) => status === 503)).toHaveLength(1);
  expect(responses.filter(({ status }) => status === 409)).toHaveLength(4);

  await setPicture(project, 'ftp://pictures.example/1.png');
  const statuses: number[] = [];
  for (let count = 0; count < 57; count += 1) statuses.push((await visitor.get(`${path}/image`)).status);
  expect(statuses.slice(0, 56)).toEqual(Array(56).fill(409));
  expect(statuses[56]).toBe(429);
});

it('with images off there is no button, and the route is 404 [K39]', async () => {
  gallery.pictures['/pixel.png'] = { body: PIXEL };
  const { path } = await aTokenWith(urlOf('/pixel.png'));
  const { test: other, operator: visitor } = await startConsoleApp({ console: { images: 'off' } });
  try {
    const project = await other.aProject({ tokens: ['1'] });
    await refreshOnce(other, project, ['1']);
    const own = `tokens/1/${project.collectionAddress}/1`;

    expect((await visitor.read(own, tokenSchema)).token).toMatchObject({
      imageUrl: expect.any(String) as string,
      actions: { image: false },
    });
    await visitor.get(`${own}/image`).expect(404);
  } finally {
    await other.stop();
  }
  await operator.get(`${path}/image`).expect(200);
});
