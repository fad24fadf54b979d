import { EventDelivery, Webhooks } from '@app/metadata-events';
import { MetadataRefreshService, RefreshWorker } from '@app/metadata-refresh';
import { TraitRecount } from '@app/token-store';
import { holdRows } from './support/held-rows.js';
import { cancelLockWaits, untilLockWaits } from './support/lock-waits.js';
import { control } from './support/refresh-control.js';
import { expectSucceeded, http, readRefresh, requestRefresh } from './support/project-api.js';
import { inSeconds, refreshOnce } from './support/refresh-steps.js';
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
} from './support/reveals.js';
import { startApp, type TestApp } from './support/start-app.js';
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

describe('publishing a reveal', () => {
  it('publishing shows all staged documents, as the next version of each record', async () => {
    const project = await aProjectWithEggs(test, 4);
    const [before, versionOfTag] = [
      await whatReadersSee(test, project),
      await http(test.app).get(tokenPath(project, '1')),
    ];
    const reveal = await stageReveal(test, project);

    const published = await publishReveal(test, project, reveal);
    const { body: versions } = await http(test.app)
      .get(tokenPath(project, '2', '/versions'))
      .expect(200);
    const after = await whatReadersSee(test, project);

    expect(published).toMatchObject({
      state: 'published',
      is_ready: false,
      blocked: null,
      outcome: { updated: 4, unchanged: 0, superseded: 0, missing: 0 },
      ended_at: expect.any(String) as string,
    });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2', 'Dragon 3', 'Dragon 4']);
    expect(await recordOf(test, project)).toMatchObject({
      metadata_version: 2,
      metadata_status: 'ok',
      metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/1`,
      metadata_source: 'metadata_api',
      document: dragon('1'),
    });
    expect(versions).toMatchObject({
      result: [
        {
          version: 2,
          trigger: 'reveal',
          refresh_id: reveal.refreshId,
          changed_fields: ['name', 'image_url', 'image_original', 'attributes'],
          traits_added: [{ trait_type: 'Rarity', value: 'Legendary' }],
          traits_removed: [{ trait_type: 'Stage', value: 'Egg' }],
        },
        { version: 1, trigger: 'api' },
      ],
    });
    expect(await traitsOf(test, project)).toEqual([
      {
        trait_type: 'Rarity',
        value_count: 2,
        minimum: null,
        maximum: null,
        values: [
          { value: 'Common', token_count: 2 },
          { value: 'Legendary', token_count: 2 },
        ],
      },
    ]);
    const tag = versionOfTag.headers['etag'] as string;
    const conditional = await http(test.app).get(tokenPath(project, '1')).set('if-none-match', tag);
    expect(conditional.status).toBe(200);
    expect(after).not.toEqual(before);
    await test.worker.runOnce();
    expect(await countStagedDocuments(test, reveal)).toBe(0);
  });

  it('the changes of a reveal are announced token by token, and the reveal last', async () => {
    const project = await aProjectWithEggs(test, 600);
    const reveal = await stageReveal(test, project);
    const before = await eventsOf(test, project);

    await publishReveal(test, project, reveal);
    const events = (await eventsOf(test, project)).slice(before.length);

    expect(events.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 600 }, () => 'token.metadata.changed'),
      'reveal.published',
    ]);
    expect(events[0]!.data).toMatchObject({
      tokenId: '1',
      source: 'metadata_api',
      changedFields: ['name', 'imageUrl', 'imageOriginal', 'attributes'],
      traitsAdded: [{ traitType: 'Rarity', value: 'Common' }],
      refreshIds: [reveal.refreshId],
    });
    expect(events.at(-1)!.data).toMatchObject({
      revealId: reveal.revealId,
      refreshId: reveal.refreshId,
      total: 600,
      staged: 600,
      updated: 600,
    });
    const rows = await test.database.query<{ events: number }>(
      `select event_count as events from nft_metadata.event_outbox
       where changes::text like '%' || $1 || '%' or reveals::text like '%' || $1 || '%' order by id`,
      [reveal.refreshId],
    );
    expect(rows.slice(-3)).toEqual([{ events: 500 }, { events: 100 }, { events: 1 }]);
  });

  it('a webhook is told of a published reveal', async () => {
    const project = await aProjectWithEggs(test, 2);
    await test.app.get(Webhooks).add({
      projectId: project.id,
      url: receiver.url('/published'),
      types: ['reveal.published', 'reveal.blocked'],
    });
    const reveal = await stageReveal(test, project);

    await publishReveal(test, project, reveal);
    await test.app.get(EventDelivery).runOnce();

    expect(receiver.at('/published').map(({ body }) => JSON.parse(body) as object)).toMatchObject([
      {
        type: 'reveal.published',
        data: {
          reveals: [
            {
              reveal_id: reveal.revealId,
              refresh_id: reveal.refreshId,
              collection_address: project.collectionAddress,
              total: 2,
              staged: 2,
              updated: 2,
              unchanged: 0,
              superseded: 0,
              missing: 0,
            },
          ],
        },
      },
    ]);
  });

  it('with one failed token in a hundred, a reveal of all is refused, and one of 99 % is published without that token [V3]', async () => {
    const project = await aProjectWithEggs(test, 100);
    test.metadataApi.respond('50', 404);
    const reveal = await stageReveal(test, project, { all: true, min_succeeded: 1 });
    const before = await whatReadersSee(test, project);

    const refused = await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(409);
    const unchanged = await whatReadersSee(test, project);
    await publishReveal(test, project, reveal, { min_succeeded: 0.99 });

    expect(refused.body).toMatchObject({ code: 'reveal_not_ready' });
    expect((refused.body as { message: string }).message).toContain(
      '99 of its 100 tokens are staged and 1 have failed or were cancelled',
    );
    expect(unchanged).toEqual(before);
    expect(await recordOf(test, project, '50')).toMatchObject({
      name: 'Egg 50',
      metadata_version: 1,
      metadata_status: 'ok',
    });
    expect(await recordOf(test, project, '51')).toMatchObject({ name: 'Dragon 51' });
    expect(await readReveal(test, project, reveal)).toMatchObject({ min_succeeded: 0.99, outcome: { updated: 99 } });
  });

  it('a reveal with pending tokens is refused, and names what to do', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await createReveal(test, project);

    const { body } = await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(409);

    expect(body).toEqual({
      code: 'reveal_not_ready',
      message: `Reveal ${reveal.revealId} is not ready: 2 of its 2 tokens are pending. Wait for them, or cancel what is pending of refresh ${reveal.refreshId} and of its retries.`,
    });
  });

  it('publishing twice publishes once, and a published reveal cannot be cancelled', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const publish = () => revealRequest(test, project, 'post', `${reveal.revealId}/publish`);

    const first = await Promise.all([publish(), publish(), publish()]);
    await untilReveal(test, project, reveal, 'published');
    const again = await publish();
    const cancelled = await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`);

    expect([...first, again].map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(cancelled).toMatchObject({ status: 409, body: { code: 'reveal_ended' } });
    expect(await recordOf(test, project)).toMatchObject({ metadata_version: 2 });
    const events = await eventsOf(test, project);
    expect(events.filter(({ type }) => type === 'reveal.published')).toHaveLength(1);
  });

  it('a cancelled reveal cannot be published', async () => {
    const project = await aProjectWithEggs(test, 1);
    const reveal = await stageReveal(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);

    const { body } = await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(409);

    expect(body).toMatchObject({ code: 'reveal_ended' });
    expect(await recordOf(test, project)).toMatchObject({ name: 'Egg 1' });
  });

  it('a token that was fetched between staging and publication keeps what was fetched later [V5]', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project);
    test.metadataApi.respond('2', 200, { name: 'Newer 2' });
    await refreshOnce(test, project, ['2']);

    const { outcome } = await publishReveal(test, project, reveal);

    expect(outcome).toEqual({ updated: 2, unchanged: 0, superseded: 1, missing: 0 });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Newer 2', 'Dragon 3']);
  });

  it('a failure between staging and publication does not keep the staged document from being shown [V5]', async () => {
    const project = await aProjectWithEggs(test, 1);
    const reveal = await stageReveal(test, project);
    test.metadataApi.respond('1', 500, 'down');
    await refreshOnce(test, project, ['1']);

    await publishReveal(test, project, reveal);

    expect(await recordOf(test, project)).toMatchObject({
      name: 'Dragon 1',
      metadata_status: 'ok',
      last_error_code: null,
    });
  });

  it('a version that was restored and a document that was pushed after staging stay, and so does their hold', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project);
    const owner = { id: project.id, tokensPerHour: null, tokensPerRequest: null };
    const { collectionAddress } = project;
    respondWith(test, () => ({ name: 'Between' }), ['1']);
    await refreshOnce(test, project, ['1']);
    await http(test.app)
      .post(tokenPath(project, '1', '/versions/1/restore'))
      .set('x-api-key', project.apiKey)
      .send({ hold_until: 'forever' })
      .expect(200);
    const tokens = [{ tokenId: '2', document: { name: 'Pushed' } }];
    await test.app.get(MetadataRefreshService).push(owner, { chainId: 1, collectionAddress, tokens });

    const { outcome } = await publishReveal(test, project, reveal);

    expect(outcome).toMatchObject({ updated: 1, superseded: 2 });
    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Pushed', 'Dragon 3']);
    expect(await recordOf(test, project)).toMatchObject({ held_until: 'forever' });
  });

  it('a publication ends the hold of a record that was held before it was staged', async () => {
    const project = await aProjectWithEggs(test, 1);
    await http(test.app)
      .post(tokenPath(project, '1', '/versions/1/restore'))
      .set('x-api-key', project.apiKey)
      .send({ hold_until: 'forever' })
      .expect(200);

    await publishReveal(test, project, await stageReveal(test, project));

    expect(await recordOf(test, project)).toMatchObject({ name: 'Dragon 1', held_until: null });
  });

  it('a reveal without a staged document is refused, however small its min_succeeded is', async () => {
    const project = await aProjectWithEggs(test, 1);
    test.metadataApi.respond('1', 404);
    const reveal = await stageReveal(test, project, { all: true, min_succeeded: 1e-9 });

    const refused = await revealRequest(test, project, 'post', `${reveal.revealId}/publish`);

    expect(refused).toMatchObject({ status: 409, body: { code: 'reveal_not_ready' } });
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'staged', is_ready: false });
  });

  it('staged documents that the records have already change nothing and cause no event', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    await refreshOnce(test, project, ['1']);
    const before = (await eventsOf(test, project)).length;
    await publishReveal(test, project, reveal);
    const second = await stageReveal(test, project);

    const { outcome } = await publishReveal(test, project, second);

    expect(outcome).toEqual({ updated: 0, unchanged: 2, superseded: 0, missing: 0 });
    expect(await recordOf(test, project)).toMatchObject({ metadata_version: 2 });
    const events = (await eventsOf(test, project)).slice(before).map(({ type }) => type);
    expect(events).toEqual(['token.metadata.changed', 'reveal.published', 'refresh.completed', 'reveal.published']);
  });

  it('a token that was removed after it was staged is counted, and the others are published', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    await test.database.query('delete from nft_metadata.tokens where collection_id = $1 and token_id = 1', [
      project.collectionId,
    ]);
    await test.app.get(TraitRecount).recount(project.collectionId);

    const { outcome } = await publishReveal(test, project, reveal);

    expect(outcome).toEqual({ updated: 1, unchanged: 0, superseded: 0, missing: 1 });
    expect(await recordOf(test, project, '2')).toMatchObject({ name: 'Dragon 2' });
  });

  it('after a publication, the validators of the staged documents are sent, and "not modified" confirms them', async () => {
    const project = await aProjectWithEggs(test, 1);
    await publishReveal(test, project, await stageReveal(test, project));
    test.metadataApi.respond('1', 304, '');

    const refreshId = await refreshOnce(test, project, ['1']);

    expect(test.metadataApi.lastHeaders['if-none-match']).toBe('"dragon"');
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { unchanged: 1 } });
  });

  it('tokens without a record before their reveal get their first version by it', async () => {
    const project = await test.aProject({ tokens: ids(2) });
    respondWith(test, dragon, ids(2));

    await publishReveal(test, project, await stageReveal(test, project));

    expect(await recordOf(test, project)).toMatchObject({
      name: 'Dragon 1',
      metadata_version: 1,
      metadata_status: 'ok',
    });
  });
});

describe('publishing by itself', () => {
  it('a reveal that is published when it is complete waits for nobody', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project, { all: true, publish: 'when_complete' });

    await test.worker.runOnce();

    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', outcome: { updated: 3 } });
  });

  it('a reveal that is complete with too many failures is blocked, says so once, and is published after a retry [V3]', async () => {
    const project = await aProjectWithEggs(test, 3);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, { all: true, publish: 'when_complete' });
    await test.worker.runOnce();
    await test.worker.runOnce();
    const blocked = await readReveal(test, project, reveal);
    respondWith(test, dragon, ['2']);

    await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    await test.worker.runOnce();
    await test.worker.runOnce();

    expect(blocked).toMatchObject({ state: 'staged', blocked: { reason: 'not_enough_staged' } });
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', blocked: null });
    const events = (await eventsOf(test, project)).filter(({ type }) => type.startsWith('reveal.'));
    expect(events).toMatchObject([
      {
        type: 'reveal.blocked',
        data: { reason: 'not_enough_staged', total: 3, staged: 2, failed: 1, pending: 0, minSucceeded: 1 },
      },
      { type: 'reveal.published', data: { staged: 3 } },
    ]);
  });

  it('a reveal is published at its time, by another process if the first one is down [V4]', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project, { all: true, publish: { at: await inSeconds(test, 3600) } });
    await test.worker.runOnce();
    await test.database.advance(3500);
    await test.worker.runOnce();
    const early = await readReveal(test, project, reveal);

    await test.database.advance(7200);
    const late = await readReveal(test, project, reveal);
    const successor = (await test.anotherProcess()).get(RefreshWorker);
    await successor.runOnce();

    expect([early.state, late.state]).toEqual(['staged', 'staged']);
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', outcome: { updated: 3 } });
  });

  it('while a process publishes one reveal, another process publishes the next one that is due', async () => {
    const [first, second] = [await aProjectWithEggs(test, 2), await aProjectWithEggs(test, 2)];
    const [firstReveal, secondReveal] = [
      await stageReveal(test, first, { all: true, publish: { at: await inSeconds(test, 3000) } }),
      await stageReveal(test, second, { all: true, publish: { at: await inSeconds(test, 3600) } }),
    ];
    const block = await blockPublication(test, first);
    await test.database.advance(3601);

    const working = test.worker.runOnce();
    await block.reached();
    await (await test.anotherWorker()).runOnce();
    const during = [await readReveal(test, first, firstReveal), await readReveal(test, second, secondReveal)];
    await block.release();
    await working;

    expect(during.map(({ state }) => state)).toEqual(['publishing', 'published']);
    expect(await readReveal(test, first, firstReveal)).toMatchObject({ state: 'published' });
  });

  it('a reveal that is not staged at its publication time is blocked, and is published as soon as it is staged [V4]', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.script(
      '2',
      { status: 503, body: '', headers: { 'retry-after': '60' } },
      { status: 200, body: dragon('2') },
    );
    const reveal = await createReveal(test, project, { all: true, publish: { at: await inSeconds(test, 5) } });
    await test.worker.runOnce();
    await test.database.advance(10);
    await test.worker.runOnce();
    const blocked = await readReveal(test, project, reveal);

    await test.database.advance(60);
    await test.worker.runOnce();
    await test.worker.runOnce();

    expect(blocked).toMatchObject({ state: 'staging', blocked: { reason: 'pending' }, summary: { pending: 1 } });
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', outcome: { updated: 2 } });
    expect(
      (await eventsOf(test, project)).map(({ type }) => type).filter((type) => type === 'reveal.blocked'),
    ).toHaveLength(1);
  });

  it.each([3600, 3000])(
    'a reveal with an expiry in an hour and a time in %i seconds is published after both, if no process ran before [V4]',
    async (seconds) => {
      const project = await aProjectWithEggs(test, 2);
      const publish = { at: await inSeconds(test, seconds) };
      const reveal = await stageReveal(test, project, { all: true, publish, max_age: '1h' });
      await test.worker.runOnce();

      await test.database.advance(3601);
      const late = await readReveal(test, project, reveal);
      const cancelled = await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`);
      await test.worker.runOnce();

      expect(late).toMatchObject({ state: 'publishing', is_ready: false, ended_at: null });
      expect(cancelled).toMatchObject({ status: 409, body: { code: 'reveal_ended' } });
      expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', outcome: { updated: 2 } });
    },
  );

  it('a complete reveal that no process has published before its expiry is published after it [V4]', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    // As if the process had died after the last token.
    await test.database.query(`update nft_metadata.reveals set publish = 'when_complete' where id = $1`, [
      reveal.revealId,
    ]);

    await test.database.advance(90_000);
    await test.worker.runOnce();

    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published', outcome: { updated: 2 } });
  });

  it('a reveal with a time and too few staged tokens expires [V7]', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, {
      all: true,
      publish: { at: await inSeconds(test, 3600) },
      max_age: '1h',
    });

    await test.database.advance(3601);
    const late = await readReveal(test, project, reveal);
    await test.worker.runOnce();

    expect(late).toMatchObject({ state: 'expired', ended_at: null });
    expect(await readReveal(test, project, reveal)).toMatchObject({
      state: 'expired',
      ended_at: expect.any(String) as string,
    });
  });

  it('a staged reveal can be given a time, and an earlier one', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const publishAt = async (seconds: number) =>
      revealRequest(test, project, 'post', `${reveal.revealId}/publish`).send({ at: await inSeconds(test, seconds) });

    const tooLate = await publishAt(90_000);
    const scheduled = await publishAt(7200);
    const earlier = await publishAt(3600);
    await test.database.advance(3601);
    await test.worker.runOnce();

    expect(tooLate).toMatchObject({ status: 400, body: { code: 'input_validation_failed' } });
    expect(scheduled).toMatchObject({
      status: 202,
      body: { state: 'staged', publish: { at: expect.any(String) as string } },
    });
    expect(earlier.status).toBe(202);
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'published' });
  });
});

describe('beside a publication', () => {
  it('tokens of a collection that is being published are not claimed, results of those in flight are not written, and others go on', async () => {
    const [project, other] = [await aProjectWithEggs(test, 4), await aProjectWithEggs(test, 2)];
    const reveal = await stageReveal(test, project);
    const block = await blockPublication(test, project);
    test.metadataApi.hold();
    const refreshId = await requestRefresh(test.app, project, ['1', '2']);
    const worker = await test.anotherWorker();
    const working = worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 2, { timeout: 10_000 });
    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    await block.reached();

    respondWith(test, () => ({ name: 'In flight' }), ['1', '2']);
    test.metadataApi.releaseHeld();
    await working;
    const during = await readRefresh(test.app, project, refreshId);
    test.metadataApi.hits.clear();
    respondWith(test, dragon, ids(4));
    await requestRefresh(test.app, other, ['1', '2']);
    await worker.runOnce();
    const hits = test.metadataApi.trafficOf(`/${project.collectionAddress}`).hits;
    await worker.runOnce();
    const hitsLater = test.metadataApi.trafficOf(`/${project.collectionAddress}`).hits;
    const namesBefore = await namesOf(test, project);
    await block.release();
    await untilReveal(test, project, reveal, 'published');
    await test.worker.runOnce();

    expect(during).toMatchObject({ status: 'queued', summary: { pending: 2 } });
    expect(hitsLater).toBe(hits);
    expect(await recordOf(test, other)).toMatchObject({ name: 'Dragon 1' });
    expect(namesBefore).toEqual(['Egg 1', 'Egg 2', 'Egg 3', 'Egg 4']);
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2', 'Dragon 3', 'Dragon 4']);
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 2, failed: 0 },
    });
  });

  it('a worker whose due tokens all belong to collections that are being published does not search for others without end', async () => {
    // As many lanes as one claim serves.
    const projects = await Promise.all(Array.from({ length: 8 }, () => test.aProject({ tokens: ['1'] })));
    const refreshIds = await Promise.all(projects.map((project) => requestRefresh(test.app, project, ['1'])));
    await test.database.query(
      `insert into nft_metadata.reveals (
         id, project_id, collection_id, collection_address, refresh_id, job, publish, min_succeeded, total, created_at, expires_at
       )
       select gen_random_uuid(), project_id, collection_id, collection_address, id, 'publish', 'manual', 1, 1, now(), now() + interval '1 day'
       from nft_metadata.refreshes where id = any($1)`,
      [refreshIds],
    );

    await test.worker.runOnce();
    const states = projects.map((project, index) => readRefresh(test.app, project, refreshIds[index]!));
    await test.database.query('delete from nft_metadata.reveals where refresh_id = any($1)', [refreshIds]);
    const during = await Promise.all(states);
    await test.worker.runOnce();

    expect(during).toMatchObject(projects.map(() => ({ status: 'queued', summary: { pending: 1 } })));
    for (const [index, project] of projects.entries()) await expectSucceeded(test.app, project, refreshIds[index]!, 1);
  });

  it('a push and a restore wait for a publication, and come after it', async () => {
    const project = await aProjectWithEggs(test, 3);
    const reveal = await stageReveal(test, project);
    const block = await blockPublication(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    await block.reached();
    const done: string[] = [];
    const owner = { id: project.id, tokensPerHour: null, tokensPerRequest: null };
    const tokens = [{ tokenId: '1', document: { name: 'Pushed' } }];

    const pushing = test.app
      .get(MetadataRefreshService)
      .push(owner, { chainId: 1, collectionAddress: project.collectionAddress, tokens })
      .then(() => done.push('push'));
    const restoring = http(test.app)
      .post(tokenPath(project, '2', '/versions/1/restore'))
      .set('x-api-key', project.apiKey)
      .expect(200)
      .then(() => done.push('restore'));
    await untilLockWaits(test.database, { count: 2, kinds: ['advisory'] });
    const during = [...done];
    await block.release();
    await Promise.all([pushing, restoring]);

    expect(during).toEqual([]);
    expect(await namesOf(test, project)).toEqual(['Pushed', 'Egg 2', 'Dragon 3']);
    expect(await readReveal(test, project, reveal)).toMatchObject({ outcome: { updated: 3, superseded: 0 } });
  });

  it('a push and a restore whose statement may not wait any longer get 503 with the reason', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const block = await blockPublication(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    await block.reached();
    const owner = { id: project.id, tokensPerHour: null, tokensPerRequest: null };
    const tokens = [{ tokenId: '1', document: { name: 'Pushed' } }];
    const cancelWaiting = async () => {
      await untilLockWaits(test.database, { kinds: ['advisory'] });
      await cancelLockWaits(test.database, { kinds: ['advisory'] });
    };

    const restoring = http(test.app)
      .post(tokenPath(project, '2', '/versions/1/restore'))
      .set('x-api-key', project.apiKey);
    const [restored] = await Promise.all([restoring, cancelWaiting()]);
    const pushing = test.app
      .get(MetadataRefreshService)
      .push(owner, { chainId: 1, collectionAddress: project.collectionAddress, tokens });
    const [pushed] = await Promise.allSettled([pushing, cancelWaiting()]);
    await block.release();
    await untilReveal(test, project, reveal, 'published');

    const message = `A reveal of collection ${project.collectionAddress} is being published or reverted: nothing was written. Try again when that is done.`;
    expect(restored).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { code: 'service_unavailable', message },
    });
    expect(pushed).toMatchObject({ status: 'rejected', reason: { name: 'CollectionBusy', message } });
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2']);
  });

  it('a publication that fails each time is given up after five tries, says so, and leaves the collection as it was', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const before = await whatReadersSee(test, project);
    await test.database.query(`
      create function refuse_dragons() returns trigger language plpgsql as $$ begin raise 'no dragons'; end $$;
      create trigger refuse_dragons before update on nft_metadata.token_documents
        for each row when (new.name like 'Dragon%') execute function refuse_dragons()`);

    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    for (let attempt = 0; attempt < 6; attempt += 1) {
      await test.worker.runOnce();
      await test.database.advance(11);
    }
    const blocked = await untilReveal(test, project, reveal, 'staged');
    const after = await whatReadersSee(test, project);
    await test.database.query(
      'drop trigger refuse_dragons on nft_metadata.token_documents; drop function refuse_dragons',
    );
    await refreshOnce(test, project, ['2']);
    await publishReveal(test, project, reveal);

    expect(blocked).toMatchObject({ blocked: { reason: 'failed' } });
    expect(after).toEqual(before);
    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2']);
  });

  it('a reveal that is created while another one of the collection is being published is refused', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    const block = await blockPublication(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/publish`).expect(202);
    await block.reached();

    const during = await readReveal(test, project, reveal);
    const refused = await postReveal(test, project);
    await block.release();
    await untilReveal(test, project, reveal, 'published');
    const accepted = await postReveal(test, project);

    expect(during).toMatchObject({ state: 'publishing', is_ready: false });
    expect(refused).toMatchObject({ status: 409, body: { code: 'reveal_in_progress' } });
    expect(accepted.status).toBe(202);
  });

  it('a publication that waits for a retry of failed tokens is refused, because these are pending then', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, { all: true, min_succeeded: 0.5 });
    // A retry charges its tokens last.
    const charge = await holdRows(test, 'select from nft_metadata.refresh_quotas where project_id = $1 for update', [
      project.id,
    ]);

    const retrying = control(test.app, project, reveal.refreshId, 'retry').then(({ status }) => status);
    await charge.reached();
    const publishing = revealRequest(test, project, 'post', `${reveal.revealId}/publish`).then((response) => response);
    await charge.reached(2);
    await charge.release();

    expect(await retrying).toBe(202);
    expect(await publishing).toMatchObject({ status: 409, body: { code: 'reveal_not_ready' } });
    expect(await readReveal(test, project, reveal)).toMatchObject({ state: 'staging', summary: { pending: 1 } });
    await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);
  });

  it('failed tokens of a published reveal can be retried, and are shown by themselves', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, { all: true, min_succeeded: 0.5 });
    await publishReveal(test, project, reveal);
    respondWith(test, dragon, ['2']);

    const { body } = await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    await test.worker.runOnce();

    expect(await namesOf(test, project)).toEqual(['Dragon 1', 'Dragon 2']);
    expect(await readRefresh(test.app, project, (body as { refresh_id: string }).refresh_id)).toMatchObject({
      verdicts: { updated: 1, staged: 0 },
    });
  });

  it('a record that is staged again in a second reveal shows the later one', async () => {
    const project = await aProjectWithEggs(test, 2);
    await publishReveal(test, project, await stageReveal(test, project));
    respondWith(test, egg, ['1', '2']);

    await publishReveal(test, project, await stageReveal(test, project));

    expect(await namesOf(test, project)).toEqual(['Egg 1', 'Egg 2']);
    expect(await recordOf(test, project)).toMatchObject({ metadata_version: 3 });
  });
});
