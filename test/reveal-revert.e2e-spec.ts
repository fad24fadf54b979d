import { EventDelivery, Webhooks } from '@app/metadata-events';
import { MetadataRefreshService, RefreshRetention, Reveals } from '@app/metadata-refresh';
import { TraitRecount } from '@app/token-store';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { control } from './support/refresh-control.js';
import { refreshOnce, workSecondsLater } from './support/refresh-steps.js';
import {
  aProjectWithEggs,
  blockPublication,
  countStagedDocuments,
  createReveal,
  dragon,
  egg,
  eventsOf,
  expectExactCounts,
  namesOf,
  postReveal,
  publishReveal,
  readReveal,
  recordOf,
  respondWith,
  revealRequest,
  stageReveal,
  tokenPath,
  traitsOf,
  untilReveal,
  whatReadersSee,
  type RevealIds,
  type RevealProject,
} from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

let test: TestApp;
let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  test = await startApp({}, { otherHosts: [receiver] });
});
afterAll(async () => {
  await test.stop();
  await receiver.close();
});
afterEach(async () => {
  test.metadataApi.releaseHeld();
  test.metadataApi.forgetScripts();
  await expectExactCounts(test);
});

const revert = (project: TestProject, { revealId }: Pick<RevealIds, 'revealId'>, body: object = {}) =>
  revealRequest(test, project, 'post', `${revealId}/revert`).send(body);

/** What became of the records, with the refresh that has the receipt. */
type Reverted = { refresh_id: string; restored: number };

/** Reverts the reveal, and waits for it. */
async function revertReveal(project: TestProject, reveal: RevealIds, body: object = {}): Promise<Reverted> {
  await revert(project, reveal, body).expect(202);
  return (await untilReveal(test, project, reveal, 'reverted'))['reverted'] as Reverted;
}

/** A project that shows the dragons of a published reveal. */
async function aPublishedReveal(count = 4): Promise<{ project: RevealProject; reveal: RevealIds }> {
  const project = await aProjectWithEggs(test, count);
  const reveal = await stageReveal(test, project);
  await publishReveal(test, project, reveal);
  return { project, reveal };
}

/** The tokens of a receipt with this verdict. */
async function tokensOf(project: TestProject, refreshId: string, verdict: string): Promise<string[]> {
  const { body } = await http(test.app)
    .get(`/v1/metadata-refreshes/${refreshId}/tokens?verdict=${verdict}`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  return (body as { result: { token_id: string }[] }).result.map(({ token_id: id }) => id);
}

const restoreFirst = (project: TestProject, tokenId: string, body: object = {}) =>
  http(test.app)
    .post(tokenPath(project, tokenId, '/versions/1/restore'))
    .set('x-api-key', project.apiKey)
    .send(body)
    .expect(200);

const push = (project: TestProject, tokenId: string, document: Record<string, unknown>) =>
  test.app
    .get(MetadataRefreshService)
    .push(
      { id: project.id, tokensPerHour: null, tokensPerRequest: null },
      { chainId: 1, collectionAddress: project.collectionAddress, tokens: [{ tokenId, document }] },
    );

describe('reverting a published reveal', () => {
  it('all records show again what the reveal had replaced, as their next version, with exact counts [V8] [V9]', async () => {
    const project = await aProjectWithEggs(test, 4);
    const [recordBefore, traitsBefore] = [await recordOf(test, project), await traitsOf(test, project)];
    const reveal = await stageReveal(test, project);
    await publishReveal(test, project, reveal);

    const reverted = await revertReveal(project, reveal);

    const { refresh_id: refreshId } = reverted;
    expect(reverted).toEqual({
      at: expect.any(String) as string,
      refresh_id: expect.any(String) as string,
      restored: 4,
      changed_since: 0,
      no_earlier_version: 0,
      not_kept: 0,
      missing: 0,
    });
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2', 'Egg 3', 'Egg 4']);
    expect(await recordOf(test, project)).toMatchObject({
      metadata_version: 3,
      metadata_status: 'ok',
      held_until: null,
      image_url: recordBefore['image_url'],
      attributes: recordBefore['attributes'],
      document: egg('1'),
    });
    expect(await traitsOf(test, project)).toEqual(traitsBefore);
    const { body: versions } = await http(test.app)
      .get(tokenPath(project, '2', '/versions'))
      .expect(200);
    expect(versions).toMatchObject({
      result: [
        {
          version: 3,
          trigger: 'restore',
          refresh_id: refreshId,
          changed_fields: ['name', 'image_url', 'image_original', 'attributes'],
          traits_added: [{ trait_type: 'Stage', value: 'Egg' }],
          traits_removed: [{ trait_type: 'Rarity', value: 'Legendary' }],
        },
        { version: 2, trigger: 'reveal' },
        { version: 1, trigger: 'api' },
      ],
    });
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      trigger: 'restore',
      status: 'completed',
      verdicts: { updated: 4 },
    });
  });

  it('tokens that changed since keep what they have, and the receipt names them [V8]', async () => {
    const { project, reveal } = await aPublishedReveal(5);
    respondWith(test, () => ({ name: 'Fetched' }), ['1']);
    await refreshOnce(test, project, ['1']);
    await push(project, '2', { name: 'Pushed' });
    await restoreFirst(project, '3', { hold_until: 'forever' });
    await refreshOnce(test, project, ['4']);

    const reverted = await revertReveal(project, reveal);

    expect(reverted).toMatchObject({ restored: 2, changed_since: 3 });
    expect(await namesOf(test, project)).toEqual(['Fetched', 'Pushed', 'Egg 3', 'Egg 4', 'Egg 5']);
    expect(await tokensOf(project, reverted.refresh_id, 'superseded')).toEqual(['1', '2', '3']);
    expect(await tokensOf(project, reverted.refresh_id, 'updated')).toEqual(['4', '5']);
    expect(await recordOf(test, project, '3')).toMatchObject({ metadata_version: 3, held_until: 'forever' });
  });

  it('tokens without metadata before the reveal, without a kept document, or that were removed, are named and do not change', async () => {
    const project = { ...(await test.aProject({ tokens: ids(4) })), tokenIds: ids(4) };
    respondWith(test, egg, ['2', '3', '4']);
    await refreshOnce(test, project, ['2', '3', '4']);
    respondWith(test, dragon, ids(4));
    const reveal = await stageReveal(test, project);
    await publishReveal(test, project, reveal);
    await test.database.query(
      `update nft_metadata.token_versions set replaced_raw = null
       where version = 2 and id = (select id from nft_metadata.tokens where collection_id = $1 and token_id = 2)`,
      [project.collectionId],
    );
    await test.database.query('delete from nft_metadata.tokens where collection_id = $1 and token_id = 3', [
      project.collectionId,
    ]);
    await test.app.get(TraitRecount).recount(project.collectionId);

    const reverted = await revertReveal(project, reveal);

    expect(reverted).toMatchObject({ restored: 1, changed_since: 0, no_earlier_version: 1, not_kept: 1, missing: 1 });
    expect(await recordOf(test, project, '1')).toMatchObject({ name: 'Dragon 1', metadata_version: 1 });
    expect(await recordOf(test, project, '2')).toMatchObject({ name: 'Dragon 2', metadata_version: 2 });
    expect(await recordOf(test, project, '4')).toMatchObject({ name: 'Egg 4', metadata_version: 3 });
    expect(await tokensOf(project, reverted.refresh_id, 'unchanged')).toEqual(['1', '2']);
    expect(await tokensOf(project, reverted.refresh_id, 'failed')).toEqual(['3']);
    expect(await readRefresh(test.app, project, reverted.refresh_id)).toMatchObject({
      reasons: [{ error_code: 'token_not_found', reason: 'not_registered', count: 1 }],
    });
  });

  it('a document that had been pushed before the reveal is shown again as it was pushed', async () => {
    const project = await aProjectWithEggs(test, 1);
    await push(project, '1', { name: 'Pushed', unknown: 'stays out of the record' });
    const reveal = await stageReveal(test, project);
    await publishReveal(test, project, reveal);

    await revertReveal(project, reveal);

    expect(await recordOf(test, project)).toMatchObject({ name: 'Pushed', metadata_version: 4 });
    expect((await eventsOf(test, project)).filter(({ type }) => type.startsWith('token')).at(-1)).toMatchObject({
      data: { source: 'pushed' },
    });
  });

  it('more tokens than one statement writes are reverted together, and their changes are announced before the reveal', async () => {
    const limits = { tokensPerHour: 100_000, tokensPerRequest: 10_000 };
    const project = await test.aProject({ tokens: ids(2100), limits });
    respondWith(test, egg, ids(2100));
    await refreshOnce(test, project, ids(2100));
    respondWith(test, dragon, ids(2100));
    const reveal = await stageReveal(test, project);
    await publishReveal(test, project, reveal);
    const before = (await eventsOf(test, project)).length;

    const reverted = await revertReveal(project, reveal);
    const events = (await eventsOf(test, project)).slice(before);

    expect(reverted).toMatchObject({ restored: 2100 });
    expect(events.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 2100 }, () => 'token.metadata.changed'),
      'refresh.completed',
      'reveal.reverted',
    ]);
    expect(events[0]!.data).toMatchObject({
      tokenId: '1',
      traitsAdded: [{ traitType: 'Stage', value: 'Egg' }],
      refreshIds: [reverted.refresh_id],
    });
    expect(events.at(-2)!.data).toMatchObject({ trigger: 'restore', total: 2100, succeeded: 2100 });
    expect(events.at(-1)!.data).toMatchObject({
      revealId: reveal.revealId,
      refreshId: reveal.refreshId,
      revertRefreshId: reverted.refresh_id,
      total: 2100,
      restored: 2100,
      changedSince: 0,
    });
    expect(await traitsOf(test, project)).toMatchObject([
      { trait_type: 'Stage', values: [{ value: 'Egg', token_count: 2100 }] },
    ]);
  });

  it('a webhook is told of a reverted reveal', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    await test.app
      .get(Webhooks)
      .add({ projectId: project.id, url: receiver.url('/reverted'), types: ['reveal.reverted'] });

    const reverted = await revertReveal(project, reveal);
    await test.app.get(EventDelivery).runOnce();

    expect(receiver.at('/reverted').map(({ body }) => JSON.parse(body) as object)).toMatchObject([
      {
        type: 'reveal.reverted',
        data: {
          reveals: [
            {
              reveal_id: reveal.revealId,
              refresh_id: reveal.refreshId,
              revert_refresh_id: reverted.refresh_id,
              total: 2,
              staged: 2,
              restored: 2,
              changed_since: 0,
              no_earlier_version: 0,
              not_kept: 0,
              missing: 0,
              reverted_at: expect.any(String) as string,
            },
          ],
        },
      },
    ]);
  });

  it('the next refresh fetches as ever, without the validators of the reveal', async () => {
    const { project, reveal } = await aPublishedReveal(1);
    await revertReveal(project, reveal);
    respondWith(test, egg, ['1']);

    const refreshId = await refreshOnce(test, project, ['1']);

    expect(test.metadataApi.lastHeaders['if-none-match']).toBeUndefined();
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { unchanged: 1 } });
  });

  it('with hold_until, refreshes leave the restored tokens as they are until then, and one refresh follows', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    respondWith(test, () => ({ name: 'Fetched' }), ['2']);
    await refreshOnce(test, project, ['2']);
    const [row] = await test.database.query<{ time: Date }>(`select now() + interval '1 hour' as time`);

    await revertReveal(project, reveal, { hold_until: row!.time.toISOString() });
    const held = await refreshOnce(test, project, ['1', '2']);
    const during = await namesOf(test, project);
    await workSecondsLater(test, 3700);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, held)).toMatchObject({ verdicts: { held: 1, unchanged: 1 } });
    expect(during).toEqual(['Egg 1', 'Fetched']);
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Fetched']);
  });

  it('records that are held are reverted like others, and their hold stays', async () => {
    const { project, reveal } = await aPublishedReveal(1);
    await http(test.app)
      .post(tokenPath(project, '1', '/versions/2/restore'))
      .set('x-api-key', project.apiKey)
      .send({ hold_until: 'forever' })
      .expect(200);

    await revertReveal(project, reveal);

    expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1', held_until: 'forever' });
  });

  it('what a revert needed is deleted after it, and the reveal expires with its retention', async () => {
    const { project, reveal } = await aPublishedReveal(3);
    const count = async () => {
      const [row] = await test.database.query<{ versions: number }>(
        'select count(*)::int as versions from nft_metadata.revealed_versions where reveal_id = $1',
        [reveal.revealId],
      );
      return row!.versions;
    };
    const before = await count();
    await test.database.advance(20 * 86_400);
    await revertReveal(project, reveal);
    await test.worker.runOnce();
    const after = await count();
    await test.database.advance(20 * 86_400);
    await test.app.get(RefreshRetention).deleteExpired();
    const kept = await revealRequest(test, project, 'get', reveal.revealId);
    await test.database.advance(11 * 86_400);
    await test.app.get(RefreshRetention).deleteExpired();

    expect([before, after, await countStagedDocuments(test, reveal)]).toEqual([3, 0, 0]);
    expect(kept).toMatchObject({ status: 200, body: { state: 'reverted' } });
    await revealRequest(test, project, 'get', reveal.revealId).expect(404);
  });
});

describe('a reveal that cannot be reverted', () => {
  it.each([
    ['staging', 'Cancel it instead: it has changed nothing yet.'],
    ['staged', 'Cancel it instead: it has changed nothing yet.'],
    ['cancelled', 'It has changed nothing.'],
    ['expired', 'It has changed nothing.'],
  ])('a reveal that is %s is refused, and the response says what to do', async (state, advice) => {
    const project = await aProjectWithEggs(test, 1);
    const reveal = state === 'staging' ? await createReveal(test, project) : await stageReveal(test, project);
    if (state === 'cancelled') await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);
    if (state === 'expired') await workSecondsLater(test, 90_000);
    expect(await readReveal(test, project, reveal)).toMatchObject({ state });

    const { body } = await revert(project, reveal).expect(409);

    expect(body).toEqual({
      code: 'reveal_not_revertible',
      message: `Reveal ${reveal.revealId} is ${state}, and only a published reveal can be reverted. ${advice}`,
    });
    expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1' });
    await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`);
  });

  it('a reveal that is being published is refused until it is published', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const block = await blockPublication(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    await block.reached();

    const early = await revert(project, reveal);
    await block.release();
    await untilReveal(test, project, reveal, 'published');
    await revertReveal(project, reveal);

    expect(early).toMatchObject({ status: 409, body: { code: 'reveal_not_revertible' } });
    expect((early.body as { message: string }).message).toContain('Wait until it is published.');
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2']);
  });

  it('a reveal that has changed no record has nothing to revert', async () => {
    const { project } = await aPublishedReveal(1);
    const second = await stageReveal(test, project);
    await publishReveal(test, project, second);

    const { body } = await revert(project, second).expect(409);

    expect(body).toEqual({
      code: 'reveal_not_revertible',
      message: `Reveal ${second.revealId} has changed no record: there is nothing to revert.`,
    });
  });

  it('with keepVersions: 0, a revert is refused and says why', async () => {
    const small = await startApp({}, { variables: { KEEP_VERSIONS: '0' } });
    const project = await aProjectWithEggs(small, 1);
    const reveal = await stageReveal(small, project);
    await publishReveal(small, project, reveal);

    const { body } = await revealRequest(small, project, 'post', `${reveal.revealId}/revert`).expect(409);
    const after = await readReveal(small, project, reveal);
    await small.stop();

    expect(body).toEqual({
      code: 'reveal_not_revertible',
      message: `Reveal ${reveal.revealId} cannot be reverted: this deployment keeps no earlier documents (keepVersions is 0, and a revert needs 2 or more).`,
    });
    expect(after).toMatchObject({ state: 'published', reverted: null });
  });

  it('a reveal of another project, an unknown field, and a hold in the past are refused', async () => {
    const { project, reveal } = await aPublishedReveal(1);
    const stranger = await test.aProject();

    await revert(stranger, reveal).expect(404);
    const unknown = await revert(project, reveal, { until: 'forever' });
    const past = await revert(project, reveal, { hold_until: '2020-01-01T00:00:00Z' });

    expect(unknown).toMatchObject({ status: 400, body: { code: 'input_validation_failed' } });
    expect(past).toMatchObject({
      status: 400,
      body: { message: 'A hold must end in the future, and 2020-01-01T00:00:00.000Z is in the past.' },
    });
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published' });
  });

  it('while the collection has an open reveal, a revert is refused with its id, and the reverse', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    const second = await stageReveal(test, project);

    const refused = await revert(project, reveal);
    await revealRequest(test, project, 'post', `${second.revealId}/cancel`).expect(202);
    const block = await blockPublication(test, project);
    await revert(project, reveal).expect(202);
    await block.reached();
    const during = await postReveal(test, project);
    await block.release();
    await untilReveal(test, project, reveal, 'reverted');
    const third = await stageReveal(test, project);
    await publishReveal(test, project, third);

    expect(refused).toMatchObject({ status: 409, body: { code: 'reveal_in_progress', details: second.revealId } });
    expect(during).toMatchObject({
      status: 409,
      body: {
        code: 'reveal_in_progress',
        details: reveal.revealId,
        message: `Reveal ${reveal.revealId} of collection ${project.collectionAddress} is being reverted: wait for that.`,
      },
    });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2']);
  });

  it('a revert that is requested while a reveal of the collection is being accepted is refused with its id', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    // A reveal charges its tokens last.
    const charge = await holdRows(test, 'select from nft_metadata.refresh_quotas where project_id = $1 for update', [
      project.id,
    ]);

    const creating = postReveal(test, project).then((response) => response);
    await charge.reached();
    const reverting = revert(project, reveal).then((response) => response);
    await untilLockWaits(test.database, { count: 1, kinds: ['advisory'] });
    await charge.release();

    const { reveal_id: revealId } = (await creating).body as { reveal_id: string };
    expect(await reverting).toMatchObject({ status: 409, body: { code: 'reveal_in_progress', details: revealId } });
    await revealRequest(test, project, 'post', `${revealId}/cancel`).expect(202);
  });

  it('of two reveals of a collection, reverting the first one leaves what the second one shows', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    respondWith(test, (id) => ({ name: `Wyvern ${id}` }), ['2']);
    await publishReveal(test, project, await stageReveal(test, project));

    const reverted = await revertReveal(project, reveal);

    expect(reverted).toMatchObject({ restored: 1, changed_since: 1 });
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Wyvern 2']);
  });
});

describe('a revert beside other work', () => {
  it('reverting twice, also at the same time, reverts once, and a reverted reveal cannot be published, cancelled or retried', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, { all: true, min_succeeded: 0.5 });
    await publishReveal(test, project, reveal);

    const first = await Promise.all([revert(project, reveal), revert(project, reveal), revert(project, reveal)]);
    await untilReveal(test, project, reveal, 'reverted');
    const again = await revert(project, reveal);
    const others = await Promise.all([
      revealRequest(test, project, 'post', `${reveal.revealId}/publish`),
      revealRequest(test, project, 'post', `${reveal.revealId}/cancel`),
      control(test.app, project, reveal.refreshId, 'retry'),
    ]);

    expect([...first, again].map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(again.body).toMatchObject({ state: 'reverted', reverted: { restored: 1 } });
    for (const other of others) expect(other).toMatchObject({ status: 409, body: { code: 'reveal_ended' } });
    expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1', metadata_version: 3 });
    const events = await eventsOf(test, project);
    expect(events.filter(({ type }) => type === 'reveal.reverted')).toHaveLength(1);
  });

  it('tokens in flight are released, none is claimed, readers see the old records until the end, and the refresh then goes on', async () => {
    const { project, reveal } = await aPublishedReveal(4);
    const block = await blockPublication(test, project);
    test.metadataApi.hold();
    const refreshId = await requestRefresh(test.app, project, ['1', '2']);
    const worker = await test.anotherWorker();
    const working = worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 2, { timeout: 10_000 });
    await revert(project, reveal).expect(202);
    await block.reached();

    respondWith(test, () => ({ name: 'In flight' }), ['1', '2']);
    test.metadataApi.releaseHeld();
    await working;
    const during = await readRefresh(test.app, project, refreshId);
    const namesDuring = await namesOf(test, project);
    const stateDuring = await readReveal(test, project, reveal);
    const { hits } = test.metadataApi.trafficOf(`/${project.collectionAddress}`);
    await worker.runOnce();
    const hitsLater = test.metadataApi.trafficOf(`/${project.collectionAddress}`).hits;
    const pushing = push(project, '3', { name: 'Pushed' });
    await block.release();
    const reverted = (await untilReveal(test, project, reveal, 'reverted'))['reverted'];
    await pushing;
    respondWith(test, dragon, ids(4));
    await test.worker.runOnce();

    expect(during).toMatchObject({ status: 'queued', summary: { pending: 2 } });
    expect(stateDuring).toMatchObject({ state: 'reverting', is_ready: false, reverted: null });
    expect(namesDuring).toEqual(['Dragon 1', 'Dragon 2', 'Dragon 3', 'Dragon 4']);
    expect(hitsLater).toBe(hits);
    expect(reverted).toMatchObject({ restored: 4 });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2', 'Pushed', 'Egg 4']);
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { updated: 2 } });
  });

  it('a revert that fails each time is given up after five tries, says so, and can be requested again', async () => {
    const { project, reveal } = await aPublishedReveal(2);
    await test.worker.runOnce();
    const before = await whatReadersSee(test, project);
    await test.database.query(`
      create function refuse_eggs() returns trigger language plpgsql as $$ begin raise 'no eggs'; end $$;
      create trigger refuse_eggs before update on nft_metadata.token_documents
        for each row when (new.name like 'Egg%') execute function refuse_eggs()`);

    await revert(project, reveal).expect(202);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await test.worker.runOnce();
      await test.database.advance(11);
    }
    const blocked = await untilReveal(test, project, reveal, 'published');
    const after = await whatReadersSee(test, project);
    await test.database.query('drop trigger refuse_eggs on nft_metadata.token_documents; drop function refuse_eggs');
    await revertReveal(project, reveal);

    expect(blocked).toMatchObject({ blocked: { reason: 'failed' }, reverted: null });
    expect(after).toEqual(before);
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2']);
    expect(await readReveal(test, project, reveal)).toMatchObject({ blocked: null });
    expect((await eventsOf(test, project)).filter(({ type }) => type === 'reveal.blocked')).toMatchObject([
      { data: { reason: 'failed' } },
    ]);
  });

  it('a revert that is requested just before the retention deletes the reveal restores all of it, and the reveal stays', async () => {
    const { project, reveal } = await aPublishedReveal(3);
    await test.database.advance(31 * 86_400);
    const decision = await holdRows(
      test,
      `select pg_advisory_xact_lock(hashtextextended('nft_metadata.collections reveals ' || $1::text, 0))`,
      [project.collectionId],
    );

    const reverting = revert(project, reveal).then((response) => response);
    await untilLockWaits(test.database, { count: 1, kinds: ['advisory'] });
    const deleting = test.app.get(RefreshRetention).deleteExpired();
    await decision.reached();
    await decision.release();
    const requested = await reverting;
    await deleting;

    expect(requested.status).toBe(202);
    expect(await untilReveal(test, project, reveal, 'reverted')).toMatchObject({ reverted: { restored: 3 } });
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2', 'Egg 3']);
  });

  it('a reveal that the retention has begun to delete does not exist any more, and no revert restores a part of it', async () => {
    const { project, reveal } = await aPublishedReveal(3);
    await test.database.advance(31 * 86_400);
    const deletion = await holdRows(
      test,
      'select from nft_metadata.revealed_versions where reveal_id = $1 and token_id = 3 for update',
      [reveal.revealId],
    );

    const deleting = test.app.get(RefreshRetention).deleteExpired();
    await deletion.reached();
    const reverting = await revert(project, reveal);
    const reading = await revealRequest(test, project, 'get', reveal.revealId);
    const listed = await test.app.get(Reveals).list({ projectId: project.id, limit: 100 });
    await deletion.release();
    await deleting;

    for (const refused of [reverting, reading]) {
      expect(refused).toMatchObject({ status: 404, body: { message: `Reveal ${reveal.revealId} does not exist.` } });
    }
    expect(listed).toMatchObject({ rows: [] });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2', 'Dragon 3']);
  });

  it('a deletion that was interrupted is continued by the next retention, also if reveals are kept for longer meanwhile', async () => {
    const { reveal } = await aPublishedReveal(1);
    await test.database.query('update nft_metadata.reveals set deleted_at = now() where id = $1', [reveal.revealId]);

    await test.app.get(RefreshRetention).deleteExpired();

    for (const [table, column] of [
      ['reveals', 'id'],
      ['revealed_versions', 'reveal_id'],
    ]) {
      const rows = await test.database.query(`select from nft_metadata.${table} where ${column} = $1`, [
        reveal.revealId,
      ]);
      expect(rows).toEqual([]);
    }
  });

  it('a host application reverts a reveal of any project with Reveals.revert', async () => {
    const { project, reveal } = await aPublishedReveal(1);

    const { state } = await test.app.get(Reveals).revert({ revealId: reveal.revealId }, { holdUntil: 'forever' });
    await untilReveal(test, project, reveal, 'reverted');

    expect(['reverting', 'reverted']).toContain(state);
    expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1', held_until: 'forever' });
  });
});
