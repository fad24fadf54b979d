import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { EventDelivery, MetadataEvents, Webhooks, type RefreshCompleted } from '@app/metadata-events';
import { nftMetadataMigrations } from '../libs/index.js';
import { migrate } from '../src/database/migrations.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { control, remainingTokens, untilStatus } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

/** Those that alter what the first ones of their libs have made. */
const LATER_MIGRATIONS = nftMetadataMigrations
  .map(({ name }) => name)
  .filter((name) => !name.startsWith('nft-metadata-2026-11-28-'));

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

async function read(project: TestProject, path: string): Promise<Record<string, unknown>> {
  const { body } = await http(test.app).get(`/v1/${path}`).set('x-api-key', project.apiKey).expect(200);
  return body as Record<string, unknown>;
}

/** The tables as the first migrations have made them, with the same rows. */
async function revertLaterMigrations(): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: test.database.url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: {
      migrationsList: nftMetadataMigrations,
      tableName: 'nft_metadata.migrations',
      snapshot: false,
      silent: true,
    },
  });
  try {
    await orm.migrator.down({ migrations: LATER_MIGRATIONS });
  } finally {
    await orm.close();
  }
}

/** A completed refresh, a cancelled one, and one that waits for a worker. */
async function aHistory() {
  const project = await test.aProject({ tokens: ids(6), limits: { tokensPerHour: 100 } });
  for (const id of ['1', '2', '4', '5', '6']) {
    test.metadataApi.respond(id, 200, { name: `Cat ${id}`, attributes: [{ trait_type: 'Level', value: 1 }] });
  }
  test.metadataApi.respond('3', 404, 'gone');
  const completed = await requestRefresh(test.app, project, ['1', '2', '3', '999']);
  await test.worker.runOnce();
  const cancelled = await requestRefresh(test.app, project, ['4', '5', '6']);
  await control(test.app, project, cancelled, 'cancel').expect(202);
  await untilStatus(test, project, cancelled, 'completed');
  const waiting = await requestRefresh(test.app, project, ['4', '5']);
  return { project, completed, cancelled, waiting };
}

it('refreshes, results, records, quotas and webhooks from before the later migrations are served after them, and a queued refresh is completed', async () => {
  const told: RefreshCompleted[] = [];
  test.app.get(MetadataEvents).on('refresh.completed', 'before-and-after', (list) => void told.push(...list));
  const { project, completed, cancelled, waiting } = await aHistory();
  const { id: webhook } = await test.app
    .get(Webhooks)
    .add({ projectId: project.id, url: `http://${test.metadataApi.host}/hook`, types: ['token.metadata.changed'] });
  await test.app.get(EventDelivery).runOnce();
  const paths = [
    `collections/${project.collectionAddress}/tokens/1`,
    `collections/${project.collectionAddress}/traits`,
  ];
  const before = {
    receipt: await readRefresh(test.app, project, completed),
    errors: await readErrors(test.app, project, completed),
    records: await Promise.all(paths.map((path) => read(project, path))),
    remaining: await remainingTokens(test, project),
  };

  await revertLaterMigrations();
  const old = await test.database.query(
    `select id, succeeded, failed, (
       select count(*)::int from nft_metadata.refresh_errors where refresh_id = refreshes.id and reason = 'cancelled'
     ) as cancelled
     from nft_metadata.refreshes order by created_at`,
  );
  const requestedThen = await requestAsBefore(project, waiting);
  await recordCompletionAsBefore(project, completed);
  await migrate(test.database.url);

  expect(LATER_MIGRATIONS.length).toBeGreaterThan(0);
  expect(old).toEqual([
    { id: completed, succeeded: 2, failed: 2, cancelled: 0 },
    { id: cancelled, succeeded: 0, failed: 3, cancelled: 3 },
    { id: waiting, succeeded: 0, failed: 0, cancelled: 0 },
  ]);
  expect(await readRefresh(test.app, project, completed)).toEqual(before.receipt);
  expect(await readErrors(test.app, project, completed)).toEqual(before.errors);
  expect(await Promise.all(paths.map((path) => read(project, path)))).toEqual(before.records);
  expect(await remainingTokens(test, project)).toBe(before.remaining);
  expect(await read(project, `metadata-refreshes/${completed}/tokens`)).toMatchObject({
    result: [
      { token_id: '1', verdict: 'updated', metadata_version: 1, changed_fields: null },
      { token_id: '2', verdict: 'updated' },
      { token_id: '3', verdict: 'failed', reason: 'status_404' },
      { token_id: '999', verdict: 'failed', reason: 'not_registered' },
    ],
  });
  expect(await readRefresh(test.app, project, cancelled)).toMatchObject({
    status: 'completed',
    trigger: 'api',
    summary: { succeeded: 0, failed: 0, cancelled: 3, pending: 0 },
    reasons: [],
  });
  expect(await read(project, 'metadata-refreshes')).toMatchObject({
    result: [waiting, cancelled, completed, requestedThen].map((refresh_id) => ({ refresh_id })),
  });

  await test.worker.runOnce();
  await test.app.get(EventDelivery).runOnce();

  expect(await readRefresh(test.app, project, waiting)).toMatchObject({
    status: 'completed',
    verdicts: { updated: 2, failed: 0 },
  });
  expect(await readRefresh(test.app, project, requestedThen)).toMatchObject({
    status: 'completed',
    verdicts: { updated: 1 },
  });
  expect(await read(project, `collections/${project.collectionAddress}/tokens/6/versions`)).toMatchObject({
    result: [{ version: 1, refresh_id: requestedThen }],
  });
  expect(told.find(({ refreshId, verdicts }) => refreshId === completed && verdicts.updated === 1)).toMatchObject({
    trigger: 'api',
    total: 4,
    cancelled: 0,
    verdicts: { updated: 1, unchanged: 0, failed: 3, cancelled: 0 },
  });
  expect(await test.app.get(Webhooks).get(webhook)).toMatchObject({
    triggers: ['api', 'partner_api', 'cli', 'console', 'retry'],
    types: ['token.metadata.changed'],
  });
});

/** As a process of the previous release: in the lane of another refresh. */
async function requestAsBefore({ id, collectionId }: TestProject, other: string): Promise<string> {
  const [refresh] = await test.database.query<{ id: string }>(
    `with refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, created_at)
       select gen_random_uuid(), project_id, collection_id, collection_address, source, 1, created_at - interval '1 hour'
       from nft_metadata.refreshes where id = $1 and project_id = $2 and collection_id = $3
       returning id
     ), chunk as (
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select refresh.id, lane_id, 0, now(), '{6}' from refresh, nft_metadata.refresh_chunks where refresh_id = $1
     )
     select id from refresh`,
    [other, id, collectionId],
  );
  return refresh!.id;
}

/** An event of a process of the previous release, without trigger and verdicts; its counts tell it from others of the refresh. */
async function recordCompletionAsBefore({ id, collectionId }: TestProject, refreshId: string): Promise<void> {
  const completion = { refreshId, projectId: id, collectionId, total: 4, succeeded: 1, failed: 3 };
  await test.database.query(
    `insert into nft_metadata.event_outbox (occurred_at, changes, completions, event_count) values (now(), '[]', $1, 1)`,
    [JSON.stringify([completion])],
  );
}
