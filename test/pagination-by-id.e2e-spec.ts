import { EventDelivery, MetadataEvents, Webhooks } from '@app/metadata-events';
import { TokenStore } from '@app/token-store';
import { http, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

/** Of every length from one digit to four: as text, 10 comes before 9, and 1000 before 999. */
const IDS = ['8', '9', '10', '11', '98', '99', '100', '101', '998', '999', '1000', '1001'];
const NEWEST_FIRST = IDS.toReversed();

/** The next row of a table gets the id after this one. */
const continueAfter = (table: string, id: number) =>
  test.database.query(`select setval(pg_get_serial_sequence($1, 'id'), $2)`, [table, id]);

/** All pages of three rows. */
async function walk<Row>(path: string, apiKey = ''): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor = '';
  for (let page = 0; page <= IDS.length; page += 1) {
    const { body } = await http(test.app)
      .get(`${path}?page_size=3&cursor=${cursor}`)
      .set(apiKey ? { 'x-api-key': apiKey } : {})
      .expect(200);
    const response = body as { result: Row[]; cursor: string; remaining: number };
    rows.push(...response.result);
    if (response.remaining === 0) break;
    cursor = response.cursor;
  }
  return rows;
}

it("a token's attempts are listed newest first, and none is left out, whatever the length of their ids", async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.query(
    `insert into nft_metadata.refresh_attempts
       (id, collection_id, token_id, refresh_id, attempt, url, outcome, duration_ms, bytes, attempted_at)
     overriding system value
     select id, $1, 1, gen_random_uuid(), 1, 'https://api.example/' || id, 'fetched', 1, 1, now()
     from unnest($2::bigint[]) as id`,
    [project.collectionId, IDS],
  );
  await continueAfter('nft_metadata.refresh_attempts', 2000);

  const rows = await walk<{ url: string }>(
    `/v1/collections/${project.collectionAddress}/tokens/1/attempts`,
    project.apiKey,
  );

  expect(rows.map(({ url }) => url.split('/').at(-1))).toEqual(NEWEST_FIRST);
});

it('the errors of one instant are listed newest first, and none is left out, whatever the length of their ids', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  await test.database.query(
    `with item as (
       insert into nft_metadata.refresh_items (id, refresh_id, lane_id, token_id, status, due_at, finished_at)
       overriding system value
       select id, $1, (select min(id) from nft_metadata.lanes), id + 1000000, 'failed', now(), now()
       from unnest($2::bigint[]) as id
       returning *
     )
     insert into nft_metadata.refresh_errors
       (item_id, refresh_id, token_id, metadata_url, error_code, reason, created_at)
     select id, refresh_id, id, '', 'token_not_found', 'not_registered', now() from item`,
    [refreshId, IDS],
  );
  await continueAfter('nft_metadata.refresh_items', 2000);

  const rows = await walk<{ token_id: string }>(`/v1/metadata-refreshes/${refreshId}/errors`, project.apiKey);

  expect(rows.map(({ token_id }) => token_id)).toEqual(NEWEST_FIRST);
});

it('listings are listed newest first, and none is left out, whatever the length of their ids', async () => {
  const project = await test.aProject({ tokens: IDS });
  await test.database.query(
    `insert into marketplace.listings (id, collection_id, token_id, seller, price, currency)
     overriding system value
     select id, $1, id, '0x' || repeat('a', 40), 1, 'ETH' from unnest($2::bigint[]) as id`,
    [project.collectionId, IDS],
  );

  const rows = await walk<{ listing_id: string }>('/listings');

  expect(rows.map(({ listing_id }) => listing_id)).toEqual(NEWEST_FIRST);
});

it('tokens are listed in the order of their ids, however long', async () => {
  const tokens = [...IDS, String(2n ** 64n), String(2n ** 256n - 1n)];
  const project = await test.aProject({ tokens: tokens.toReversed() });
  const store = test.app.get(TokenStore);

  const listed: string[] = [];
  for (let page = 0; page <= tokens.length; page += 1) {
    const after = listed.at(-1);
    const records = await store.listTokens({
      collectionId: project.collectionId,
      limit: 3,
      ...(after !== undefined && { after }),
    });
    listed.push(...records.map(({ tokenId }) => tokenId));
    if (records.length < 3) break;
  }

  expect(listed).toEqual(tokens);
});

it('deliveries of a webhook are listed newest first, whatever the length of their ids', async () => {
  const project = await test.aProject();
  const webhooks = test.app.get(Webhooks);
  const { id } = await webhooks.add({ projectId: project.id, url: 'https://hooks.example/nft' });
  await test.database.query(
    `insert into nft_metadata.webhook_deliveries
       (id, webhook_id, message_id, event_type, events, attempt, duration_ms, attempted_at)
     overriding system value
     select id, $1, id::text, 'refresh.completed', 1, 1, 1, now() from unnest($2::bigint[]) as id`,
    [id, IDS],
  );

  const deliveries = await webhooks.listDeliveries(id);

  expect(deliveries.map(({ messageId }) => messageId)).toEqual(NEWEST_FIRST);
});

it('events are delivered in the order of their positions, whatever the length of these', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const events = test.app.get(MetadataEvents);
  const delivery = test.app.get(EventDelivery);
  const told: string[] = [];
  events.on('refresh.completed', 'paging', (completions) => void told.push(...completions.map(({ id }) => id)));
  for (const nextPosition of [9, 99, 999]) {
    await delivery.runOnce();
    await test.database.query('update nft_metadata.event_stream set last_position = $1', [nextPosition - 1]);
    // Events are named by their row in the outbox.
    await continueAfter('nft_metadata.event_outbox', nextPosition - 1);
    for (let one = 0; one < 3; one += 1) {
      await requestRefresh(test.app, project, ['1']);
      await test.worker.runOnce();
    }
  }
  await delivery.runOnce();

  expect(told.map((id) => Number(id.split('-')[0]))).toEqual([9, 10, 11, 99, 100, 101, 999, 1000, 1001]);
});
