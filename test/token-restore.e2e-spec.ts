import { MetadataRefreshService, type CollectionRefreshRequest } from '@app/metadata-refresh';
import { Collections, TokenStore } from '@app/token-store';
import { Client } from 'pg';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { inSeconds, refreshOnce, workSecondsLater } from './support/refresh-steps.js';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());
afterEach(() => test.metadataApi.releaseHeld());

const HOUR = 3600;
const lamp = (value: string) => ({ name: `${value} lamp`, attributes: [{ trait_type: 'Lamp', value }] });

/** A project with one token, refreshed once for each of these documents. */
async function aHistory(...documents: readonly object[]): Promise<TestProject> {
  const project = await test.aProject({ tokens: ['1'] });
  for (const document of documents) await refreshTo(project, document);
  test.metadataApi.hits.clear();
  return project;
}

/** The same in a collection whose metadata is only pushed. */
async function aPushedHistory(...documents: readonly Readonly<Record<string, unknown>>[]): Promise<TestProject> {
  const project = await test.aProject({ tokens: ['1'] });
  await test.app.get(Collections).update(project.collectionId, { source: { kind: 'pushed' } });
  for (const document of documents) await push(project, document);
  return project;
}

async function refreshTo(project: TestProject, document: object): Promise<void> {
  test.metadataApi.respond('1', 200, document);
  await refreshOnce(test, project, ['1']);
}

const pathOf = ({ collectionAddress }: TestProject, rest = '', tokenId = '1') =>
  `/v1/collections/${collectionAddress}/tokens/${tokenId}${rest}`;

function restore(project: TestProject, version: number, body: object = {}, tokenId = '1') {
  return http(test.app)
    .post(pathOf(project, `/versions/${version}/restore`, tokenId))
    .set('x-api-key', project.apiKey)
    .send(body);
}

const endHold = (project: TestProject) =>
  http(test.app).delete(pathOf(project, '/hold')).set('x-api-key', project.apiKey);

async function recordOf(project: TestProject, tokenId = '1'): Promise<Record<string, unknown>> {
  const { body } = await http(test.app)
    .get(pathOf(project, '', tokenId))
    .expect(200);
  return body as Record<string, unknown>;
}

/** The number of sessions that wait for this one. */
async function blockedBy(client: Client): Promise<number> {
  const { rows } = await client.query<{ blocked: number }>(
    'select count(*)::int as blocked from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))',
  );
  return rows[0]!.blocked;
}

/** The refreshes of the collection, oldest first. */
const refreshesOf = ({ collectionId }: TestProject) =>
  test.database.query<{ id: string; trigger: string; total: number; updated: number; held: number }>(
    `select id, trigger, total, held, succeeded - unchanged - superseded - held as updated from nft_metadata.refreshes
     where collection_id = $1 order by created_at, id`,
    [collectionId],
  );

/** A refresh after an event on chain. */
async function refreshByEvent({ collectionId }: TestProject, tokenIds: readonly string[]): Promise<string> {
  const collection = await test.app.get(Collections).find(collectionId);
  const event = {
    kind: 'metadata_update',
    blockNumber: 1,
    transactionHash: `0x${'1'.repeat(64)}`,
    logIndex: 0,
    tokens: tokenIds.map((id): [string, string] => [id, id]),
  };
  const triggerDetail = { chainId: 1, events: [event] };
  const request: CollectionRefreshRequest = { tokenIds, trigger: 'event', triggerDetail };
  return (await test.app.get(MetadataRefreshService).requestSelection(collection!, request)).refreshId;
}

/** Metadata that the owner sends. */
async function push(
  { id, collectionAddress }: TestProject,
  document: Readonly<Record<string, unknown>>,
): Promise<void> {
  const project = { id, tokensPerRequest: null, tokensPerHour: null };
  const tokens = [{ tokenId: '1', document }];
  await test.app.get(MetadataRefreshService).push(project, { chainId: 1, collectionAddress, tokens });
}

describe('restoring a version', () => {
  it('a restored version is the record again, as a new version, until the next refresh [T22]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));

    const { body } = await restore(project, 1).expect(200);
    const restored = await recordOf(project);
    const { body: versions } = await http(test.app).get(pathOf(project, '/versions')).expect(200);
    await refreshOnce(test, project, ['1']);

    const { refresh_id: refreshId } = body as { refresh_id: string };
    expect(body).toEqual({ refresh_id: expect.any(String) as string, verdict: 'updated', metadata_version: 3 });
    expect(restored).toMatchObject({ name: 'Oil lamp', metadata_version: 3, metadata_status: 'ok', held_until: null });
    expect(versions).toMatchObject({
      result: [
        {
          version: 3,
          trigger: 'restore',
          refresh_id: refreshId,
          changed_fields: ['name', 'attributes'],
          traits_added: [{ trait_type: 'Lamp', value: 'Oil' }],
          traits_removed: [{ trait_type: 'Lamp', value: 'Gas' }],
        },
        { version: 2, trigger: 'api' },
        { version: 1, trigger: 'api' },
      ],
    });
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      trigger: 'restore',
      summary: { succeeded: 1, failed: 0, pending: 0 },
      verdicts: { updated: 1 },
    });
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4 });
  });

  it('the refresh after a restore asks for the whole document, because "not modified" would be about another one [T22]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, lamp('Oil'), { etag: '"oil"' });
    await refreshOnce(test, project, ['1']);
    test.metadataApi.respond('1', 200, lamp('Gas'), { etag: '"gas"' });
    await refreshOnce(test, project, ['1']);
    await refreshOnce(test, project, ['1']);
    const before = test.metadataApi.lastHeaders['if-none-match'];

    await restore(project, 1).expect(200);
    await refreshOnce(test, project, ['1']);

    expect(before).toBe('"gas"');
    expect(test.metadataApi.lastHeaders['if-none-match']).toBeUndefined();
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4 });
  });

  it('a document that was being fetched while a version was restored does not replace it [T22]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    test.metadataApi.respond('1', 200, lamp('Wick')).hold();
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });

    await restore(project, 1).expect(200);
    test.metadataApi.releaseHeld();
    await round;

    expect(await recordOf(project)).toMatchObject({ name: 'Oil lamp', metadata_version: 3 });
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { superseded: 1 } });
  });

  it('a refresh that was accepted before a restore, and is fetched after it, is fetched, not settled by the restore [T22]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    const refreshId = await requestRefresh(test.app, project, ['1']);

    await restore(project, 1).expect(200);
    await test.worker.runOnce();

    expect(test.metadataApi.hits.get('1')).toBe(1);
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { updated: 1 } });
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4 });
  });

  it('restoring the present version changes nothing', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));

    const { body } = await restore(project, 2).expect(200);

    expect(body).toMatchObject({ verdict: 'unchanged', metadata_version: 2 });
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 2 });
  });

  it('a restore publishes the change of the token, and that its refresh is completed', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));

    const { body } = await restore(project, 1).expect(200);

    const { refresh_id: refreshId } = body as { refresh_id: string };
    const rows = await test.database.query<{ changes: object[] | null; completions: object[] | null }>(
      `select changes::jsonb as changes, completions::jsonb as completions from nft_metadata.event_outbox order by id desc limit 1`,
    );
    expect(rows).toMatchObject([
      {
        changes: [{ tokenId: '1', refreshIds: [refreshId], changedFields: ['name', 'attributes'] }],
        completions: [{ refreshId, trigger: 'restore', total: 1, succeeded: 1, verdicts: { updated: 1 } }],
      },
    ]);
  });

  it('a restore in a collection whose metadata is pushed says so in its refresh and its event', async () => {
    const project = await aPushedHistory(lamp('Oil'), lamp('Gas'));

    const { body } = await restore(project, 1).expect(200);

    const { refresh_id: refreshId } = body as { refresh_id: string };
    const sources = await test.database.query('select source from nft_metadata.refreshes where id = $1', [refreshId]);
    expect(sources).toEqual([{ source: { kind: 'pushed' } }]);
    const events = await test.database.query<{ source: string }>(
      `select changes->0->>'source' as source from nft_metadata.event_outbox order by id desc limit 1`,
    );
    expect(events).toEqual([{ source: 'pushed' }]);
  });

  it('a version that was pushed shows no other fields when it is restored than when it was pushed, also twice', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const shown = async () => {
      const { name, description, image_url, attributes, document } = await recordOf(project);
      return { name, description, image_url, attributes, document };
    };
    await push(project, { name: null, description: 'A lamp', title: 'Oil', image_url: 'https://cdn.example/oil.png' });
    const pushed = await shown();
    await push(project, lamp('Gas'));

    await restore(project, 1).expect(200);
    const restored = await shown();
    await push(project, lamp('Wick'));
    await restore(project, 3).expect(200);

    expect(pushed).toMatchObject({ name: null, description: 'A lamp', image_url: null });
    expect(restored).toEqual(pushed);
    expect(await shown()).toEqual(pushed);
  });

  it('a restore that meets a deadlock is tried again, and is one version and one refresh', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await test.database.query(`create sequence deadlocks`);
    await test.database.query(`
      create function meet_deadlock() returns trigger language plpgsql as $$
      begin
        if nextval('deadlocks') = 1 then raise exception 'deadlock detected' using errcode = '40P01'; end if;
        return new;
      end $$`);
    await test.database.query(`
      create trigger meet_deadlock before insert on nft_metadata.event_outbox for each row execute function meet_deadlock()`);

    const response = await restore(project, 1);
    await test.database.query(`drop trigger meet_deadlock on nft_metadata.event_outbox`);

    expect([response.status, response.body]).toEqual([200, expect.objectContaining({ metadata_version: 3 })]);
    expect((await refreshesOf(project)).map(({ trigger }) => trigger)).toEqual(['api', 'api', 'restore']);
  });

  it('a restore whose trait values are deleted while it waits for the record counts them all the same', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    const inTheWay = new Client({ connectionString: test.database.url });
    await inTheWay.connect();
    await inTheWay.query('begin');
    await inTheWay.query('select from nft_metadata.tokens where collection_id = $1 for update', [project.collectionId]);
    const restoring = restore(project, 1).then(({ status }) => status);
    await vi.waitUntil(async () => (await blockedBy(inTheWay)) > 0, { timeout: 30_000, interval: 20 });

    await test.database.query(
      'delete from nft_metadata.collection_traits where collection_id = $1 and token_count = 0',
      [project.collectionId],
    );
    await inTheWay.end();

    expect(await restoring).toBe(200);
    expect(await test.app.get(TokenStore).listTraits({ collectionId: project.collectionId })).toMatchObject([
      { traitType: 'Lamp', values: [{ value: 'Oil', tokenCount: 1 }] },
    ]);
  });

  it('refuses what cannot be restored, and writes nothing', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    const other = await test.aProject();
    const refusal = async (request: ReturnType<typeof restore>) => {
      const { status, body } = await request;
      return [status, (body as { code: string }).code];
    };

    expect(await refusal(restore(project, 3))).toEqual([404, 'version_not_found']);
    expect(await refusal(restore(project, 1, {}, '77'))).toEqual([404, 'token_not_found']);
    expect(await refusal(restore({ ...project, apiKey: other.apiKey }, 1))).toEqual([403, 'forbidden']);
    expect(await refusal(restore({ ...project, apiKey: 'nft_x_y' }, 1))).toEqual([401, 'unauthorized']);
    for (const hold of ['tomorrow', '2020-01-01T00:00:00Z', 5]) {
      expect(await refusal(restore(project, 1, { hold_until: hold }))).toEqual([400, 'input_validation_failed']);
    }
    expect(await refusal(endHold(project))).toEqual([404, 'hold_not_found']);
    await test.database.query(
      `update nft_metadata.token_versions set replaced_raw = null
       where id = (select id from nft_metadata.tokens where collection_id = $1)`,
      [project.collectionId],
    );
    expect(await refusal(restore(project, 1))).toEqual([410, 'version_not_kept']);
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 2, held_until: null });
    expect((await refreshesOf(project)).map(({ trigger }) => trigger)).toEqual(['api', 'api']);
  });
});

describe('holding a record', () => {
  it('an event during a hold fetches nothing and ends as held; at the end of the hold, one refresh is made [T23]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    const until = await inSeconds(test, HOUR);
    await restore(project, 1, { hold_until: until }).expect(200);

    const byEvent = await refreshByEvent(project, ['1']);
    const asked = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const during = await recordOf(project);
    await workSecondsLater(test, HOUR / 2);
    const fetchedDuring = test.metadataApi.totalHits;
    await workSecondsLater(test, HOUR / 2 + 1);
    await workSecondsLater(test, HOUR);

    expect(during).toMatchObject({ name: 'Oil lamp', metadata_version: 3, held_until: until });
    expect(fetchedDuring).toBe(0);
    for (const refreshId of [byEvent, asked]) {
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
        status: 'completed',
        summary: { succeeded: 1, failed: 0, pending: 0 },
        verdicts: { held: 1, updated: 0 },
      });
    }
    expect((await refreshesOf(project)).slice(2)).toMatchObject([
      { trigger: 'restore', total: 1 },
      { trigger: 'event', held: 1 },
      { trigger: 'api', held: 1 },
      { trigger: 'schedule', total: 1, updated: 1, held: 0 },
    ]);
    expect(test.metadataApi.totalHits).toBe(1);
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4, held_until: null });
  });

  it('a hold that no refresh has met ends without one [T23]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: await inSeconds(test, HOUR) }).expect(200);

    await workSecondsLater(test, HOUR + 1);

    expect((await refreshesOf(project)).map(({ trigger }) => trigger)).toEqual(['api', 'api', 'restore']);
    expect(test.metadataApi.totalHits).toBe(0);
    expect(await recordOf(project)).toMatchObject({ name: 'Oil lamp', held_until: null });
  });

  it('a hold for ever lasts until its project ends it [T23]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: 'forever' }).expect(200);

    await refreshByEvent(project, ['1']);
    await workSecondsLater(test, 400 * 24 * HOUR);
    const during = await recordOf(project);
    const fetchedDuring = test.metadataApi.totalHits;
    await endHold(project).expect(204);
    await test.worker.runOnce();

    expect(during).toMatchObject({ name: 'Oil lamp', held_until: 'forever' });
    expect(fetchedDuring).toBe(0);
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4, held_until: null });
    await endHold(project).expect(404);
  });

  it('metadata that the owner pushes ends a hold, and can be restored like a document that was fetched', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: 'forever' }).expect(200);

    await push(project, { ...lamp('Wick'), image: 'https://cdn.example/wick.png', youtube_url: null });
    const pushed = await recordOf(project);
    await refreshOnce(test, project, ['1']);
    const fetched = await recordOf(project);
    await restore(project, 4).expect(200);

    expect(pushed).toMatchObject({ name: 'Wick lamp', metadata_version: 4, held_until: null });
    expect(fetched).toMatchObject({ name: 'Gas lamp', metadata_version: 5 });
    const contentOf = ({ name, image_url, attributes, document }: Record<string, unknown>) => {
      return { name, image_url, attributes, document };
    };
    const restored = await recordOf(project);
    expect(restored['metadata_version']).toBe(6);
    expect(contentOf(restored)).toEqual(contentOf(pushed));
  });

  it('a push ends a hold for good: refreshes that met the hold are not made up for', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: await inSeconds(test, HOUR) }).expect(200);
    await refreshByEvent(project, ['1']);
    await test.worker.runOnce();

    await push(project, lamp('Wick'));
    await test.worker.runOnce();
    await workSecondsLater(test, HOUR + 1);

    expect((await refreshesOf(project)).map(({ trigger }) => trigger)).toEqual([
      'api',
      'api',
      'restore',
      'event',
      'push',
    ]);
    expect(test.metadataApi.totalHits).toBe(0);
    expect(await recordOf(project)).toMatchObject({ name: 'Wick lamp', metadata_version: 4, held_until: null });
  });

  it('holds in a collection whose metadata is pushed end without a refresh, and do not stop those of others', async () => {
    const [pushed, fetched] = [
      await aPushedHistory(lamp('Oil'), lamp('Gas')),
      await aHistory(lamp('Oil'), lamp('Gas')),
    ];
    for (const project of [pushed, fetched]) {
      await restore(project, 1, { hold_until: await inSeconds(test, HOUR) }).expect(200);
    }
    await refreshByEvent(fetched, ['1']);
    await test.worker.runOnce();

    await workSecondsLater(test, HOUR + 1);

    const held = await test.database.query('select from nft_metadata.tokens where held_until is not null');
    expect(held).toHaveLength(0);
    expect((await refreshesOf(pushed)).map(({ trigger }) => trigger)).toEqual(['push', 'push', 'restore']);
    expect(await recordOf(pushed)).toMatchObject({ name: 'Oil lamp' });
    expect((await refreshesOf(fetched)).at(-1)).toMatchObject({ trigger: 'schedule', updated: 1 });
  });

  it('the receipt of a refresh that met a hold has the version of the record, also of one that was pushed', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    for (const kind of ['Oil', 'Gas']) await push(project, lamp(kind));
    await restore(project, 1, { hold_until: 'forever' }).expect(200);

    const refreshId = await refreshOnce(test, project, ['1']);

    const { body } = await http(test.app)
      .get(`/v1/metadata-refreshes/${refreshId}/tokens`)
      .set('x-api-key', project.apiKey)
      .expect(200);
    expect(body).toMatchObject({ result: [{ token_id: '1', verdict: 'held', metadata_version: 3 }] });
  });

  it('a token whose hold and refresh end at the same time is fetched once, and nothing is lost [T23]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: await inSeconds(test, HOUR) }).expect(200);
    await refreshByEvent(project, ['1']);
    await test.database.advance(HOUR + 1);
    const workers = [await test.anotherWorker(), await test.anotherWorker(), test.worker];

    await Promise.all(workers.map((worker) => worker.runOnce()));
    await test.worker.runOnce();

    const scheduled = (await refreshesOf(project)).filter(({ trigger }) => trigger === 'schedule');
    expect(scheduled.length).toBeLessThanOrEqual(1);
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4, held_until: null });
  });

  it('a token whose hold ends before the result of its refresh is written is fetched, and not left as it was [T23]', async () => {
    const project = await aHistory(lamp('Oil'), lamp('Gas'));
    await restore(project, 1, { hold_until: await inSeconds(test, HOUR) }).expect(200);
    const refreshId = await requestRefresh(test.app, project, ['1']);
    // Another process removes the hold, for which no refresh waits yet.
    const ended = await holdRows(
      test,
      'update nft_metadata.tokens set held_until = null, refresh_after_hold = false where collection_id = $1',
      [project.collectionId],
    );

    const round = test.worker.runOnce();
    await untilLockWaits(test.database, { count: 1 });
    await ended.commit();
    await round;

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { updated: 1, held: 0 } });
    expect(await recordOf(project)).toMatchObject({ name: 'Gas lamp', metadata_version: 4 });
  });

  it('tokens that are held and tokens that are not end in one batch, each with its own verdict', async () => {
    const project = await test.aProject({ tokens: ids(40) });
    const isOdd = (id: string) => Number(id) % 2 === 1;
    await refreshOnce(test, project, ids(40));
    for (const id of ids(40).filter(isOdd)) {
      await restore(project, 1, { hold_until: 'forever' }, id).expect(200);
    }
    for (const id of ids(40)) test.metadataApi.respond(id, Number(id) % 4 === 0 ? 404 : 200, lamp(`No ${id}`));

    const refreshId = await requestRefresh(test.app, project, ids(40));
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      verdicts: { held: 20, updated: 10, failed: 10 },
    });
    const records = await test.app.get(TokenStore).listTokens({ collectionId: project.collectionId, limit: 100 });
    expect(records.filter(({ heldUntil }) => heldUntil === 'forever').map(({ tokenId }) => tokenId)).toEqual(
      ids(40).filter(isOdd),
    );
    expect(records.filter(({ name }) => name?.startsWith('No '))).toHaveLength(10);
    test.metadataApi.forgetScripts();
  });

  it('many holds that end together make one refresh for each batch of tokens, also beside a removed collection', async () => {
    const projects = [await test.aProject({ tokens: ids(1500) }), await test.aProject({ tokens: ids(3) })];
    await test.database.query(
      `update nft_metadata.tokens set held_until = now() - interval '1 second', refresh_after_hold = true
       where collection_id = any($1)`,
      [projects.map(({ collectionId }) => collectionId)],
    );
    await test.database.query('update nft_metadata.collections set removed_at = now() where id = $1', [
      projects[1]!.collectionId,
    ]);

    await test.worker.runOnce();

    const totals = (await refreshesOf(projects[0]!)).map(({ trigger, total, updated }) => ({
      trigger,
      total,
      updated,
    }));
    expect(totals.every(({ trigger, total, updated }) => trigger === 'schedule' && total === updated)).toBe(true);
    expect(totals.reduce((sum, { total }) => sum + total, 0)).toBe(1500);
    expect(totals).toHaveLength(2);
    expect(await refreshesOf(projects[1]!)).toEqual([]);
    const [left] = await test.database.query<{ held: number }>(
      'select count(*)::int as held from nft_metadata.tokens where collection_id = any($1) and held_until is not null',
      [projects.map(({ collectionId }) => collectionId)],
    );
    expect(left).toEqual({ held: 0 });
  });
});
