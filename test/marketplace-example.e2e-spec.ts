import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MetadataHost } from '@app/testing';
import { Agent, fetch as fetchBy, type RequestInit } from 'undici';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { overviewSchema, sessionSchema } from '../libs/console/src/wire/index.js';
import { filesOf, OPERATOR_SECRET, OWN_PAGE } from './support/console.js';
import { runProgram, runTool, startHost, type HostProcess } from './support/host-process.js';
import { createHostFolder, installPackage } from './support/npm-pack.js';
import { PathProxy } from './support/path-proxy.js';

const EXAMPLE = fileURLToPath(new URL('../examples/marketplace', import.meta.url));
const ADDRESS = '0x5fbdb2315678afecb367f032d93f642f64180aa3';

let folder: string;
beforeAll(async () => {
  folder = await createHostFolder();
  await cp(EXAMPLE, folder, {
    recursive: true,
    filter: (path) => !/node_modules|dist/.test(path.slice(EXAMPLE.length)),
  });
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const needed = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== 'nestjs-nft-refresh');
  await installPackage(folder, needed);
  await runTool(folder, 'typescript/bin/tsc');
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('the marketplace example has a suite of its own, which passes without Vitest', async () => {
  const out = await runProgram(folder, 'dist/test/metadata-refresh.test.js', {
    NODE_OPTIONS: '--test-reporter=tap',
  });

  expect(out).toMatch(/^# pass 3\n# fail 0$/m);
});

describe.each(['express', 'fastify'])('a shop on %s that embeds the package', (platform) => {
  let metadataApi: MetadataHost;
  const databases: Pick<TestDatabase, 'url' | 'query' | 'drop'>[] = [];
  let database: (typeof databases)[number];
  let before: HostProcess;
  let shop: HostProcess;
  beforeAll(async () => {
    metadataApi = await MetadataHost.start();
    databases.push(await createEmptyDatabase(), await createEmptyDatabase());
    const env = { PLATFORM: platform, ALLOWED_HOSTS: metadataApi.host, OPERATOR_SECRET };
    [before, shop] = await Promise.all([
      startHost(folder, 'dist/src/main-without-refreshing.js', { ...env, DATABASE_URL: databases[0]!.url }),
      startHost(folder, 'dist/src/main.js', { ...env, DATABASE_URL: databases[1]!.url }),
    ]);
    for (const each of databases) await fill(each, metadataApi.url);
    database = databases[1]!;
  });
  afterAll(async () => {
    await Promise.all([before, shop].map((host) => host?.stop()));
    await metadataApi.close();
    for (const each of databases) await each.drop();
  });

  it('the marketplace example refreshes the tokens of its users, by their own keys, and shows them in its own listings', async () => {
    metadataApi.respond('7', 200, { name: 'Seven' }).respond('8', 404);
    await post(`${shop.url}/api/v2/listings/${ADDRESS}`, {});

    const stranger = await post(`${shop.url}/api/nft/metadata-refreshes`, {}, { 'x-api-key': 'shop-of-nobody' });
    const receipt = await post(
      `${shop.url}/api/nft/metadata-refreshes`,
      { collection_address: ADDRESS, token_ids: ['7', '8'] },
      { 'x-api-key': 'shop-ann' },
    );
    await vi.waitUntil(() => hasCompleted(database), { timeout: 20_000, interval: 100 });

    expect(stranger).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(receipt).toMatchObject({ status: 202, body: { refresh_id: expect.any(String) as string } });
    expect((await get(`${shop.url}/api/v2/listings/${ADDRESS}`)).body).toEqual([
      { tokenId: '7', price: '10', name: 'Seven' },
      { tokenId: '8', price: '20', name: null },
    ]);
  });

  it('the marketplace example updates its search index with changes, and does nothing when nothing has changed', async () => {
    const named = async (name: string) => (await get(`${shop.url}/api/v2/listings/${ADDRESS}/named/${name}`)).body;
    await searchHas(database, 'Seven');
    expect(await named('seven')).toEqual([{ tokenId: '7', version: 1 }]);
    const refresh = { collection_address: ADDRESS, token_ids: ['7', '8'] };
    const post7And8 = () => post(`${shop.url}/api/nft/metadata-refreshes`, refresh, { 'x-api-key': 'shop-ann' });

    await post7And8();
    await vi.waitUntil(() => hasCompleted(database, 2), { timeout: 20_000, interval: 100 });
    metadataApi.respond('7', 200, { name: 'Siete' }).respond('8', 200, { name: 'Ocho' });
    await post7And8();
    await Promise.all([searchHas(database, 'Siete'), searchHas(database, 'Ocho')]);

    expect(await named('seven')).toEqual([]);
    expect(await named('siete')).toEqual([{ tokenId: '7', version: 2 }]);
    expect(await named('ocho')).toEqual([{ tokenId: '8', version: 1 }]);
  });

  it('the marketplace example responds to unreadable bodies in our shape on our routes only', async () => {
    const broken = (path: string) => send(shop.url + path, { method: 'POST', headers: JSON_BODY, body: '{' });

    expect(await broken('/api/nft/metadata-refreshes')).toMatchObject({
      status: 400,
      body: { code: 'malformed_request' },
    });
    expect(await broken('/api/v2/offers')).toMatchObject({ status: 400, body: { status: 400 } });
  });

  it('the marketplace example has the same routes, checks, limits and errors as before, to the header', async () => {
    const [asBefore, now] = await Promise.all([visit(before.url), visit(shop.url)]);

    expect(now).toEqual(asBefore);
    expect(now.map(({ status }) => status)).toEqual([200, 201, 400, 400, 404, 404, 404, ...OFFERS_LEFT, 429]);
  });

  it('the marketplace example has the console of the package below its own prefix, also behind a proxy that strips another one [K1] [K4] [K6]', async () => {
    await using proxy = await PathProxy.start(shop.url, (path) => path.replace(/^\/ops/, ''));

    for (const mount of [`${shop.url}/api/console`, `${proxy.url}/ops/api/console`]) {
      const files = filesOf(await (await fetch(`${mount}/refreshes/x`)).text(), `${mount}/refreshes/x`);
      const loaded = await Promise.all(files.map(async (file) => (await fetch(file)).headers.get('content-type')));
      const body = JSON.stringify({ kind: 'operator_secret', secret: OPERATOR_SECRET });
      const signedIn = await fetch(`${mount}/api/session`, { method: 'POST', headers: OWN_PAGE, body });
      const cookie = signedIn.headers.get('set-cookie')!.split(';', 1)[0]!;
      // More often than the throttler of the shop allows.
      const read = () => fetch(`${mount}/api/overview`, { headers: { cookie } });
      const overviews = await Promise.all(Array.from({ length: 10 }, read));

      expect(loaded.some((type) => type?.startsWith('text/javascript'))).toBe(true);
      expect(loaded.filter((type) => !/^(text\/(javascript|css)|image\/svg)/.test(type ?? ''))).toEqual([]);
      expect(sessionSchema.parse(await signedIn.json()).person).toMatchObject({ kind: 'operator' });
      expect(overviews.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
      expect(overviewSchema.parse(await overviews[0]!.json())).toMatchObject({ kind: 'operator' });
    }
  });

  it('the marketplace example runs its own cron jobs once, not twice', async () => {
    await vi.waitUntil(() => runsOf(shop).length >= 3, { timeout: 10_000 });

    expect(new Set(runsOf(shop)).size).toBe(runsOf(shop).length);
  });

  it('the marketplace example keeps its own tables and the order of its migrations, and our tables are in a schema of their own', async () => {
    const [tablesBefore, tablesNow] = await Promise.all(databases.map(tablesOf));
    const migrations = await database.query<{ name: string }>('select name from mikro_orm_migrations order by id');

    expect(tablesNow!.filter((table) => !table.startsWith('nft_metadata.'))).toEqual(
      [...tablesBefore!, 'public.search_rows'].toSorted(),
    );
    expect(tablesNow).toContain('nft_metadata.tokens');
    expect(migrations[0]).toEqual({ name: 'shop-2025-03-01' });
    expect(migrations[1]).toEqual({ name: 'shop-2026-11-21-search' });
    expect(migrations.slice(2).every(({ name }) => name.startsWith('nft-metadata-'))).toBe(true);
  });

  it('the marketplace example stops on a signal', async () => {
    await shop.stop();

    expect(shop.process.exitCode ?? shop.process.signalCode).toBe('SIGTERM');
  });
});

const JSON_BODY = { 'content-type': 'application/json' };
/** Of eight a minute, one is used before. */
const OFFERS_LEFT = Array.from({ length: 7 }, () => 200);

/** Everything that a visitor of the shop can do, and some things that nobody should, on connections of the visitor's own. */
async function visit(url: string): Promise<Awaited<ReturnType<typeof send>>[]> {
  const connections = new Agent();
  const get = (path: string) => send(url + path, {}, connections);
  const post = (path: string, body: string) =>
    send(url + path, { method: 'POST', headers: JSON_BODY, body }, connections);
  const offers = '/api/v2/offers';
  const offer = { address: ADDRESS, tokenId: '9', price: '30' };
  try {
    const responses = [
      await get(offers),
      await post(offers, JSON.stringify(offer)),
      await post(offers, JSON.stringify({ ...offer, price: 'much', discount: true })),
      await post(offers, '{'),
      await post(offers, JSON.stringify({ ...offer, address: `0x${'0'.repeat(40)}` })),
      await get('/api/v2/nothing'),
      await get('/metadata-refreshes'),
    ];
    for (let count = 0; count < 8; count += 1) responses.push(await get(offers));
    return responses;
  } finally {
    await connections.close();
  }
}

const get = (url: string) => send(url, {});
const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  send(url, { method: 'POST', headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) });

/** On a connection of its own, unless given: the shop may close one that was idle just when the next request is sent. */
async function send(url: string, request: RequestInit, connections = new Agent({ pipelining: 0 })) {
  const response = await fetchBy(url, { ...request, dispatcher: connections });
  const { date: _, ...headers } = Object.fromEntries(response.headers);
  // Seconds that are left, which may differ by one.
  for (const name of ['x-ratelimit-reset', 'retry-after']) if (headers[name]) headers[name] = 'seconds';
  const isJson = headers['content-type']?.startsWith('application/json');
  return {
    status: response.status,
    headers,
    body: (isJson ? await response.json() : await response.text()) as unknown,
  };
}

async function fill(database: Pick<TestDatabase, 'query'>, metadataUrl: string): Promise<void> {
  await database.query(`insert into users (name, wallet, api_key) values ('Ann', '0x${'a'.repeat(40)}', 'shop-ann')`);
  await database.query(
    `insert into collections (address, title, metadata_url, owner_id) select $1, 'Cats', $2, id from users`,
    [ADDRESS, metadataUrl],
  );
  await database.query(
    `insert into offers (collection_id, token_id, price) select id, token_id, price from collections, (values ('7', '10'), ('8', '20')) as offer (token_id, price)`,
  );
}

async function hasCompleted(database: Pick<TestDatabase, 'query'>, refreshes = 1): Promise<boolean> {
  const rows = await database.query('select from nft_metadata.refreshes where completed_at is not null');
  return rows.length === refreshes;
}

async function searchHas(database: Pick<TestDatabase, 'query'>, name: string): Promise<void> {
  const isThere = async () => (await database.query('select from search_rows where name = $1', [name])).length === 1;
  await vi.waitUntil(isThere, { timeout: 20_000, interval: 50 });
}

function runsOf({ out }: HostProcess): string[] {
  return [...out().matchAll(/closing time looked at (\d+)/g)].map(([, second]) => second!);
}

async function tablesOf(database: Pick<TestDatabase, 'query'>): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select schemaname || '.' || tablename as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema') order by name`,
  );
  return rows.map(({ name }) => name);
}
