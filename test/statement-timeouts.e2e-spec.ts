import { readingFrom } from '@app/database';
import { BoundedReads } from '@app/metadata-refresh';
import { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { Client } from 'pg';
import { cancelLockWaits } from './support/lock-waits.js';
import { http } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject({ tokens: ['1'] });
});
afterAll(() => test.stop());

const send = (method: 'get' | 'post' | 'patch' | 'delete', body?: object) => (path: string) => {
  const request = http(test.app)[method](path).set('x-api-key', project.apiKey);
  return body ? request.send(body) : request;
};
const get = send('get');
const WEBHOOK = '/v1/webhooks/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

it.each<[string, string, (path: string) => ReturnType<typeof get>]>([
  ['GET', '/listings', get],
  ['GET', '/listings?collection_address=$address&trait.Side=Light&q=lamp', get],
  ['GET', '/v1/collections/$address/traits', get],
  ['GET', '/v1/collections/$address/tokens/1', get],
  ['GET', '/v1/collections/$address/tokens/1/attempts', get],
  ['GET', '/v1/metadata-refreshes', get],
  ['GET', '/v1/metadata-refreshes/6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21', get],
  ['GET', '/v1/limits', get],
  ['GET', '/v1/collections', get],
  ['GET', '/v1/collections/$address', get],
  ['PATCH', '/v1/collections/$address', send('patch', { metadata_url: 'https://metadata.example.com' })],
  ['POST', '/v1/collections/$address/tokens', send('post', { token_ids: ['2'] })],
  ['GET', '/v1/webhooks', get],
  ['GET', WEBHOOK, get],
  ['PATCH', WEBHOOK, send('patch', { url: 'https://hooks.example.com' })],
  ['DELETE', WEBHOOK, send('delete')],
  ['GET', `${WEBHOOK}/deliveries`, get],
])('%s %s gets 503 with a code when the database cancels its statement', async (_method, path, ask) => {
  await using _ = await holdTables();

  const asked = Promise.resolve(ask(path.replace('$address', project.collectionAddress)));
  await cancelUntil(asked);

  expect(await asked).toMatchObject({
    status: 503,
    body: {
      code: 'service_unavailable',
      message: 'The database took too long for this request. Try again in a moment.',
    },
    headers: { 'retry-after': '5' },
  });
});

/** As an operator sets it for the whole database, also for the connections that the service has. */
async function limitEverything(setting: string, value: string): Promise<void> {
  await test.database.query(
    `do $$ begin execute format('alter database %I set ${setting} = ''${value}''', current_database()); end $$`,
  );
  await test.database.refuseConnections();
  await test.database.acceptConnections();
  await vi.waitUntil(async () => (await get('/v1/limits')).status === 200, { timeout: 20_000 });
}

it.each([
  ['lock_timeout', 'The database took too long for this request. Try again in a moment.'],
  ['transaction_timeout', expect.stringContaining('again') as string],
])('a limit of the server, %s, gives 503 with a code on every route', async (setting, message) => {
  await limitEverything(setting, '300ms');
  const asked = [];
  {
    await using _ = await holdTables();
    for (const path of ['/listings', '/v1/limits', '/v1/metadata-refreshes']) asked.push(await get(path));
  }

  await limitEverything(setting, '0');
  for (const { status, body, headers } of asked) {
    expect({ status, body: body as unknown }).toEqual({ status: 503, body: { code: 'service_unavailable', message } });
    expect(headers).toMatchObject({ 'retry-after': '5' });
  }
});

it.each([
  ['0', '2s'],
  ['750ms', '750ms'],
  ['1min', '2s'],
  ['3h', '2s'],
])(
  'with a statement_timeout of %s in the database, a statement of a bounded read may take %s',
  async (given, allowed) => {
    await limitEverything('statement_timeout', given);
    const em = test.app.get(EntityManager);

    const { rows } = await test.app
      .get(BoundedReads)
      .run(() => sql<{ statement_timeout: string }>`show statement_timeout`.execute(readingFrom(em).getKysely()));

    await limitEverything('statement_timeout', '0');
    expect(rows).toEqual([{ statement_timeout: allowed }]);
  },
);

it('the partner API responds with 503 in its own shape when the database cancels a statement', async () => {
  await using _ = await holdTables();

  const asked = Promise.resolve(
    http(test.app)
      .post(`/collections/${project.collectionAddress}/refresh_metadata`)
      .set('x-api-key', project.apiKey)
      .send({ token_ids: ['1'] }),
  );
  await cancelUntil(asked);

  expect(await asked).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
});

it('GET /listings responds with 503 while the database is unavailable', async () => {
  await test.database.refuseConnections();

  const response = await get('/listings');

  await test.database.acceptConnections();
  expect(response).toMatchObject({
    status: 503,
    body: { code: 'service_unavailable' },
    headers: { 'retry-after': '5' },
  });
});

async function holdTables() {
  const client = new Client({ connectionString: test.database.url });
  await client.connect();
  await client.query(
    `set transaction_timeout = 0; set lock_timeout = 0; begin; lock table nft_metadata.collections,
       nft_metadata.refreshes, nft_metadata.refresh_quotas, nft_metadata.webhooks, marketplace.listings
     in access exclusive mode`,
  );
  return { [Symbol.asyncDispose]: () => client.end() };
}

/** Whatever the request waits for is cancelled, as a limit of the server would do it. */
async function cancelUntil(asked: Promise<unknown>): Promise<void> {
  let hasResponse = false;
  const ended = asked.then(() => (hasResponse = true));
  await vi.waitUntil(
    async () => {
      await cancelLockWaits(test.database);
      return hasResponse;
    },
    { timeout: 30_000, interval: 20 },
  );
  await ended;
}
