import { TokenStore } from '@app/token-store';
import { Listings } from '../src/listings/listings.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

interface ListedToken {
  token_id: string;
  name: string;
  metadata_status: string;
  changed_at: string;
  last_error_code: string | null;
}

async function listedTokens(project: TestProject, filter = ''): Promise<ListedToken[]> {
  const query = `collection_address=${project.collectionAddress}${filter}`;
  const { body } = await http(test.app).get(`/listings?${query}`).expect(200);
  return (body as { result: { token: ListedToken }[] }).result.map(({ token }) => token);
}

async function putUpForSale({ collectionId }: TestProject, tokenIds: readonly string[]): Promise<void> {
  const listing = { collectionId, seller: `0x${'5'.repeat(40)}`, price: '1000000000000000000', currency: 'ETH' };
  await test.app.get(Listings).putUp(tokenIds.map((tokenId) => ({ ...listing, tokenId })));
}

async function refreshed(project: TestProject, tokenIds: readonly string[]): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

const revealed = (name: string, lamp: string) => ({ name, attributes: [{ trait_type: 'Lamp', value: lamp }] });

it('a signed POST refreshes metadata up to the listing page, and tokens that fail keep their last good metadata', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3', '4'] });
  await putUpForSale(project, ['1', '2', '3', '4']);
  await refreshed(project, ['1', '2', '3', '4']);
  expect((await listedTokens(project)).map(({ name }) => name)).toEqual(['Token 4', 'Token 3', 'Token 2', 'Token 1']);

  test.metadataApi
    .respond('1', 200, revealed('Revealed one', 'Oil'))
    .respond('2', 200, revealed('Revealed two', 'Firefly'))
    .respond('3', 404, 'not here')
    .respond('4', 200, '<html>');
  const refreshId = await refreshed(project, ['1', '2', '3', '4']);

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 2, failed: 2, pending: 0 },
  });
  expect(await listedTokens(project, '&trait.Lamp=Firefly')).toMatchObject([{ token_id: '2', name: 'Revealed two' }]);
  expect(await listedTokens(project, '&trait.Lamp=Firefly&trait.Lamp=Oil')).toHaveLength(2);
  expect(await listedTokens(project, '&q=VEALED O')).toMatchObject([{ token_id: '1' }]);
  const errors = (await readErrors(test.app, project, refreshId)).toSorted((a, b) =>
    String(a['token_id']).localeCompare(String(b['token_id'])),
  );
  expect(errors).toMatchObject([
    {
      token_id: '3',
      client_token_metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/3`,
      client_response_status_code: 404,
      client_response_body: 'not here',
      error_code: 'invalid_response_status_code',
    },
    {
      token_id: '4',
      client_response_status_code: 200,
      client_response_body: '<html>',
      error_code: 'unable_to_decode_response',
    },
  ]);
  expect((await listedTokens(project)).slice(0, 2)).toMatchObject([
    { token_id: '4', name: 'Token 4', metadata_status: 'stale', last_error_code: 'unable_to_decode_response' },
    { token_id: '3', name: 'Token 3', metadata_status: 'stale', last_error_code: 'invalid_response_status_code' },
  ]);
});

it('a refresh moves changed_at only when the content changed, whatever the order of its keys [G11, G12]', async () => {
  const project = await test.aProject({ tokens: ['50'] });
  const record = async () => test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId: '50' });
  test.metadataApi.respond('50', 200, '{"name":"A","image":"https://img.example/a.png"}');
  await refreshed(project, ['50']);
  const first = await record();

  test.metadataApi.respond('50', 200, ' {"image": "https://img.example/a.png", "name": "A"} ');
  await refreshed(project, ['50']);
  const same = await record();
  test.metadataApi.respond('50', 200, '{"name":"B","image":"https://img.example/a.png"}');
  await refreshed(project, ['50']);
  const other = await record();

  expect(same!.changedAt).toEqual(first!.changedAt);
  expect(same!.lastSuccessAt!.getTime()).toBeGreaterThan(first!.lastSuccessAt!.getTime());
  expect(other).toMatchObject({ name: 'B', metadataVersion: 2, imageVersion: 1 });
  expect(other!.changedAt!.getTime()).toBeGreaterThan(first!.changedAt!.getTime());
});

it('a refresh counts each trait value as often as tokens have it, after any number of refreshes [I1, I2, I3, I4, I6]', async () => {
  const project = await test.aProject({ tokens: ['60', '61', '62'] });
  const counts = () =>
    test.database.query<{ value: string; token_count: number }>(
      'select value, token_count from nft_metadata.collection_traits where collection_id = $1 order by value',
      [project.collectionId],
    );
  for (const tokenId of ['60', '61', '62']) test.metadataApi.respond(tokenId, 200, revealed(tokenId, 'Red'));
  for (let time = 0; time < 5; time += 1) await refreshed(project, ['60', '61', '62']);
  expect(await counts()).toEqual([{ value: 'Red', token_count: 3 }]);

  test.metadataApi.respond('60', 200, revealed('60', 'Blue')).respond('61', 500);
  await refreshed(project, ['60', '61', '62']);

  expect(await counts()).toEqual([
    { value: 'Blue', token_count: 1 },
    { value: 'Red', token_count: 2 },
  ]);
});

it('a token is retried after 429 and 503, twice, and a success resets its failures [D5, D10, D28]', async () => {
  const project = await test.aProject({ tokens: ['70', '71'] });
  const throttled = { status: 429, body: 'slow down', headers: { 'retry-after': '20' } };
  const busy = { status: 503, body: 'busy' };
  test.metadataApi.script('70', throttled, busy, { status: 200, body: { name: 'At last' } }).script('71', busy);
  const refreshId = await refreshed(project, ['70', '71']);
  expect(test.metadataApi.hits.get('70')).toBe(1);

  await test.worker.runOnce();
  expect(test.metadataApi.hits.get('70')).toBe(1);
  for (let retry = 0; retry < 3; retry += 1) {
    await test.database.advance(30);
    await test.worker.runOnce();
  }

  expect(test.metadataApi.hits.get('70')).toBe(3);
  expect(test.metadataApi.hits.get('71')).toBe(3);
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: 1, failed: 1 },
  });
  expect(await readErrors(test.app, project, refreshId)).toMatchObject([
    { token_id: '71', client_response_status_code: 503 },
  ]);
  const [token] = await test.database.query(
    `select name, metadata_status, last_error_code, last_error_reason, stale_since, fail_count
     from nft_metadata.tokens join nft_metadata.token_documents as document using (id)
     where collection_id = $1 and token_id = 70`,
    [project.collectionId],
  );
  expect(token).toEqual({
    name: 'At last',
    metadata_status: 'ok',
    last_error_code: null,
    last_error_reason: null,
    stale_since: null,
    fail_count: 0,
  });
});

it('a document with text that PostgreSQL cannot store is sanitized, and does not affect others [C18, C19, C28, G14]', async () => {
  const project = await test.aProject({ tokens: ['80', '81', '82'] });
  test.metadataApi
    .respond('80', 200, String.raw`{"name":"a\u0000b","attributes":[{"trait_type":"x\u0000y","value":"\ud83d"}]}`)
    .respond('81', 200, '{"name":"exact","big":123456789012345678901234567890,"small":0.1000000000000000055}')
    .respond('82', 200, `{"name":"${'n'.repeat(100_000)}"}`);

  const refreshId = await refreshed(project, ['80', '81', '82']);

  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 3, failed: 0 } });
  const [repaired, row] = await test.database.query<{ raw: string }>(
    `select name, attributes, warnings, raw::text from nft_metadata.tokens
     join nft_metadata.token_documents as document using (id)
     where collection_id = $1 and token_id < 82 order by token_id`,
    [project.collectionId],
  );
  expect(repaired).toMatchObject({
    name: 'a\ufffdb',
    attributes: [{ traitType: 'x\ufffdy', value: '\ufffd' }],
    warnings: ['replaced_characters'],
  });
  expect(row!.raw).toContain('123456789012345678901234567890');
  expect(row!.raw).toContain('0.1000000000000000055');
});
