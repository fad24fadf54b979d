import { Webhooks } from '@app/metadata-events';
import { MetadataRefreshService } from '@app/metadata-refresh';
import { createApiDocument } from '../src/api-reference.js';
import { http } from './support/project-api.js';
import { aTestnetProject, TESTNET, TESTNET_ID } from './support/pushed-metadata.js';
import { refreshOnce } from './support/refresh-steps.js';
import { respondWith, stageReveal } from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

/** One more than the most rows of a page. */
const TOKENS = ids(201);
/** Every list with a page size, and how many rows it has here. */
const LISTS = {
  '/listings': 201,
  '/v1/metadata-refreshes': 2,
  '/v1/metadata-refreshes/{refresh_id}/errors': 201,
  '/v1/metadata-refreshes/{refresh_id}/tokens': 201,
  '/v1/reveals': 1,
  '/v1/reveals/{reveal_id}/tokens': 201,
  '/v1/collections': 1,
  '/v1/collections/{collection_address}/tokens/{token_id}/versions': 2,
  '/v1/collections/{collection_address}/tokens/{token_id}/attempts': 3,
  '/v1/webhooks/{webhook_id}/deliveries': 201,
  '/v1/chains/{chain_name}/collections/{contract_address}/nfts': 201,
  '/v1/chains/{chain_name}/nfts': 201,
  '/v1/chains/{chain_name}/collections/{contract_address}/metadata': 201,
  '/v1/chains/{chain_name}/metadata': 201,
  '/v1/chains/{chain_name}/collections': 1,
} as const;
const lists = Object.entries(LISTS);

let test: TestApp;
let project: TestProject;
let parameters: Record<string, string>;
beforeAll(async () => {
  test = await startApp();
  project = await aTestnetProject(test, { tokens: TOKENS });
  const webhook = await test.app.get(Webhooks).add({ projectId: project.id, url: 'https://hooks.example/1' });
  respondWith(test, (id) => ({ name: `Card ${id}` }), TOKENS);
  await refreshOnce(test, project, TOKENS);
  const { revealId } = await stageReveal(test, project);
  for (const id of TOKENS) test.metadataApi.respond(id, 404, 'gone');
  const refreshId = await refreshOnce(test, project, TOKENS);
  // A stack for each document that is pushed.
  await test.app.get(MetadataRefreshService).push(
    { id: project.id, tokensPerHour: null, tokensPerRequest: null },
    {
      chainId: TESTNET_ID,
      collectionAddress: project.collectionAddress,
      tokens: TOKENS.map((tokenId) => ({ tokenId, document: { name: `Pushed ${tokenId}` } })),
    },
  );
  await test.database.query(
    `insert into nft_metadata.webhook_deliveries (webhook_id, message_id, event_type, events, attempt, duration_ms, attempted_at)
     select $1, 'msg_' || number, 'refresh.completed', 1, 1, 1, now() from generate_series(1, $2) as number`,
    [webhook.id, TOKENS.length],
  );
  await test.database.query(
    `insert into marketplace.listings (collection_id, token_id, seller, price, currency)
     select collection_id, token_id, '0x' || repeat('5', 40), 1, 'ETH' from nft_metadata.tokens`,
  );
  parameters = {
    refresh_id: refreshId,
    reveal_id: revealId,
    webhook_id: webhook.id,
    collection_address: project.collectionAddress,
    contract_address: project.collectionAddress,
    chain_name: TESTNET,
    token_id: '1',
  };
});
afterAll(() => test.stop());

async function list(path: string, query: string) {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parameters[name]!);
  const { status, body } = await http(test.app).get(`${filled}?${query}`).set('x-api-key', project.apiKey);
  return { status: status as number, body: body as { code: string; message: string; result?: object[] } };
}

const rowsOf = ({ body }: Awaited<ReturnType<typeof list>>) => body.result?.length;

it('every list of the OpenAPI document with a page size is tested here, and says which sizes there are', () => {
  // CSV and NDJSON have all rows.
  const pages = Object.entries(createApiDocument(test.app).paths).filter(([path]) => !/\.(csv|ndjson)$/.test(path));
  const documented = pages.flatMap(([path, { get }]) => {
    const sizes = (get?.parameters ?? []).filter((one) => 'name' in one && one.name === 'page_size');
    return sizes.map((size) => [path, size] as const);
  });

  expect(documented.map(([path]) => path).toSorted()).toEqual(Object.keys(LISTS).toSorted());
  for (const [, size] of documented) {
    expect(size).toMatchObject({ schema: { type: 'integer', minimum: 1, maximum: 200 } });
  }
});

it.each(lists)('a page of %s has as many rows as it is asked for, from 1 to 200', async (path, rows) => {
  expect(rowsOf(await list(path, 'page_size=1'))).toBe(1);
  expect(rowsOf(await list(path, 'page_size=200'))).toBe(Math.min(rows, 200));
});

it.each(lists)('without a page size, or with an empty one, a page of %s has its default', async (path, rows) => {
  const byDefault = path === '/listings' ? 50 : 100;

  expect(rowsOf(await list(path, ''))).toBe(Math.min(rows, byDefault));
  expect(rowsOf(await list(path, 'page_size='))).toBe(Math.min(rows, byDefault));
});

it.each(lists)('any other page size of %s is refused, and the response says which sizes there are', async (path) => {
  const sizes = ['201', '0', '-1', '+1', '1.0', '1e2', '0x10', '01', '%20', '9'.repeat(40), 'ten', 'NaN', 'null'];

  const responses = await Promise.all(sizes.map((size) => list(path, `page_size=${size}`)));
  const twice = await list(path, 'page_size=1&page_size=2');

  const code = path.includes('{chain_name}') ? 'VALIDATION_ERROR' : 'input_validation_failed';
  const message = expect.stringContaining('page_size must be a whole number from 1 to 200') as string;
  const refused = { status: 400, body: { code, message } };
  expect(responses).toMatchObject(sizes.map(() => refused));
  expect(twice).toMatchObject({
    status: 400,
    body: { code, message: expect.stringContaining('page_size must be') as string },
  });
});

it.each(['/v1/collections/{collection_address}/traits', '/v1/reveals/{reveal_id}/traits'])(
  'the values of a trait in %s are limited in the same way',
  async (path) => {
    const responses = await Promise.all(
      ['1', '1000', '0', '1001', '-1', 'ten'].map((number) => list(path, `values_per_type=${number}`)),
    );

    const message = expect.stringContaining('values_per_type must be a whole number from 1 to 1000') as string;
    const refused = { status: 400, body: { code: 'input_validation_failed', message } };
    expect(responses).toMatchObject([{ status: 200 }, { status: 200 }, refused, refused, refused, refused]);
  },
);
