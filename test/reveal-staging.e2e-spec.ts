import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { MetadataRefreshService, Refreshes, RefreshRetention } from '@app/metadata-refresh';
import { StagingStore, type StagedDocument } from '@app/token-store';
import { emptyMetadata } from './support/empty-metadata.js';
import { holdRows } from './support/held-rows.js';
import { control } from './support/refresh-control.js';
import { http, readAttempts, readErrors, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import {
  aProjectWithEggs,
  countStagedDocuments,
  createReveal,
  dragon,
  expectExactCounts,
  postReveal,
  publishReveal,
  readReveal,
  respondWith,
  revealRequest,
  stageReveal,
  whatReadersSee,
} from './support/reveals.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => {
  test.metadataApi.releaseHeld();
  test.metadataApi.forgetScripts();
  return expectExactCounts(test);
});

const outboxRows = () =>
  test.database.query(`select changes from nft_metadata.event_outbox where changes::text <> '[]'`);

describe('staging a reveal', () => {
  it('documents of a reveal are fetched, and no reader sees anything of them', async () => {
    const project = await aProjectWithEggs(test);
    const [before, events] = [await whatReadersSee(test, project), (await outboxRows()).length];

    const reveal = await stageReveal(test, project, { all: true });

    expect(await readReveal(test, project, reveal)).toMatchObject({
      reveal_id: reveal.revealId,
      refresh_id: reveal.refreshId,
      state: 'staged',
      publish: 'manual',
      min_succeeded: 1,
      summary: { total: 4, staged: 4, failed: 0, pending: 0 },
      ended_at: null,
    });
    expect(await whatReadersSee(test, project)).toEqual(before);
    expect(await outboxRows()).toHaveLength(events);
  });

  it('the receipt of a reveal has the verdict staged, which counts as succeeded', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);

    const { refreshId } = await stageReveal(test, project, { token_ids: ['1', '2'] });
    const { body } = await http(test.app)
      .get(`/v1/metadata-refreshes/${refreshId}/tokens`)
      .set('x-api-key', project.apiKey)
      .expect(200);

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      trigger: 'reveal',
      summary: { succeeded: 1, failed: 1, pending: 0 },
      verdicts: { staged: 1, failed: 1, updated: 0 },
    });
    expect(body).toMatchObject({
      result: [
        { token_id: '1', verdict: 'staged', metadata_version: null },
        { token_id: '2', verdict: 'failed', reason: 'status_404' },
      ],
    });
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '2', reason: 'status_404' }]);
  });

  it('a failure in staging changes nothing of the record, and its attempt is listed for the owner', async () => {
    const project = await aProjectWithEggs(test, 1);
    const before = await whatReadersSee(test, project);
    test.metadataApi.respond('1', 500, 'down');

    await stageReveal(test, project);

    expect(await whatReadersSee(test, project)).toEqual(before);
    expect((await readAttempts(test.app, project, '1'))[0]).toMatchObject({ outcome: 'bad_status', status_code: 500 });
  });

  it('documents of a reveal are fetched whole, because "not modified" has none', async () => {
    const project = await aProjectWithEggs(test, 1);
    await refreshOnce(test, project, ['1']);
    await refreshOnce(test, project, ['1']);
    const conditional = test.metadataApi.lastHeaders['if-none-match'];

    await stageReveal(test, project);

    expect(conditional).toBe('"dragon"');
    expect(test.metadataApi.lastHeaders['if-none-match']).toBeUndefined();
  });

  it('a token whose last fetch began after the reveal was accepted is fetched all the same', async () => {
    const project = await aProjectWithEggs(test, 1);
    const reveal = await createReveal(test, project);
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '5 seconds' where refresh_id = $1`,
      [reveal.refreshId],
    );
    test.metadataApi.hits.clear();

    await refreshOnce(test, project, ['1']);
    const before = test.metadataApi.hits.get('1');
    await test.database.advance(6);
    await test.worker.runOnce();

    expect(await readReveal(test, project, reveal)).toMatchObject({ summary: { staged: 1 } });
    expect([before, test.metadataApi.hits.get('1')]).toEqual([1, 2]);
  });

  it('a record that is held or was pushed for good is staged too, and does not change', async () => {
    const project = await aProjectWithEggs(test, 2);
    const path = `/v1/collections/${project.collectionAddress}`;
    const owner = { id: project.id, tokensPerHour: null, tokensPerRequest: null };
    await http(test.app)
      .post(`${path}/tokens/1/versions/1/restore`)
      .set('x-api-key', project.apiKey)
      .send({ hold_until: 'forever' })
      .expect(200);
    await http(test.app).patch(path).set('x-api-key', project.apiKey).send({ push_policy: 'push_wins' }).expect(200);
    await test.app.get(MetadataRefreshService).push(owner, {
      chainId: 1,
      collectionAddress: project.collectionAddress,
      tokens: [{ tokenId: '2', document: { name: 'Pushed' } }],
    });

    const reveal = await stageReveal(test, project);

    expect(await readReveal(test, project, reveal)).toMatchObject({ summary: { staged: 2, failed: 0 } });
    expect((await http(test.app).get(`${path}/tokens/1`)).body).toMatchObject({ name: 'Egg 1' });
    expect((await http(test.app).get(`${path}/tokens/2`)).body).toMatchObject({ name: 'Pushed' });
  });

  it('a retry of the failed tokens stages them into the same reveal', async () => {
    const project = await aProjectWithEggs(test, 3);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project);
    const before = await readReveal(test, project, reveal);
    respondWith(test, dragon, ['2']);

    const { body } = await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    const during = await readReveal(test, project, reveal);
    await test.worker.runOnce();

    const { refresh_id: retryId } = body as { refresh_id: string };
    expect(before).toMatchObject({ state: 'staged', summary: { total: 3, staged: 2, failed: 1, pending: 0 } });
    expect(during).toMatchObject({ state: 'staging', summary: { total: 3, staged: 2, failed: 0, pending: 1 } });
    expect(await readReveal(test, project, reveal)).toMatchObject({
      state: 'staged',
      summary: { staged: 3, failed: 0 },
    });
    expect(await readRefresh(test.app, project, retryId)).toMatchObject({
      trigger: 'retry',
      retry_of: reveal.refreshId,
      verdicts: { staged: 1 },
    });
  });

  it('two retries of the same failed token stage it once', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project);
    respondWith(test, dragon, ['2']);

    await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    await control(test.app, project, reveal.refreshId, 'retry').expect(202);
    await test.worker.runOnce();

    expect(await readReveal(test, project, reveal)).toMatchObject({
      state: 'staged',
      summary: { total: 2, staged: 2 },
    });
    expect(await countStagedDocuments(test, reveal)).toBe(2);
  });

  it('of two documents that are staged for a token, the one whose fetch began later is shown, whichever is written first', async () => {
    const project = await aProjectWithEggs(test, 1);
    const { revealId, refreshId } = await stageReveal(test, project);
    const late: StagedDocument = {
      revealId,
      refreshId,
      collectionId: project.collectionId,
      tokenId: '1',
      fetchSeq: '1',
      metadata: {
        ...emptyMetadata,
        name: 'Old dragon',
        attributes: [],
        raw: '{"name":"Old dragon"}',
        contentHash: 'old',
      },
      metadataUrl: 'https://api.example/1',
      metadataSource: 'metadata_api',
      etag: undefined,
      lastModified: undefined,
    };

    await inTransaction(test.app.get(EntityManager), (em) => test.app.get(StagingStore).stage(em, [late]));
    await publishReveal(test, project, { revealId });

    const record = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`).expect(200);
    expect(record.body).toMatchObject({ name: 'Dragon 1' });
  });

  it('a document that the database cannot store fails its token alone', async () => {
    const project = await aProjectWithEggs(test, 3);
    await test.database.query(`
      create function refuse_two() returns trigger language plpgsql as $$ begin raise 'token 2 is refused'; end $$;
      create trigger refuse_two before insert on nft_metadata.staged_documents
        for each row when (new.token_id = 2) execute function refuse_two()`);

    const reveal = await stageReveal(test, project);
    await test.database.query('drop trigger refuse_two on nft_metadata.staged_documents; drop function refuse_two');

    expect(await readReveal(test, project, reveal)).toMatchObject({ summary: { staged: 2, failed: 1 } });
    expect(await readErrors(test.app, project, reveal.refreshId)).toMatchObject([
      { token_id: '2', reason: 'not_storable' },
    ]);
  });
});

describe('creating a reveal', () => {
  it('a second reveal of a collection is refused with the id of the first, until that one has ended [V6]', async () => {
    const project = await aProjectWithEggs(test);
    const first = await createReveal(test, project, { token_ids: ['1', '2'] });

    const second = await postReveal(test, project, { token_ids: ['3'] }).expect(409);
    await revealRequest(test, project, 'post', `${first.revealId}/cancel`).expect(202);
    const third = await postReveal(test, project, { token_ids: ['3'] }).expect(202);

    expect(second.body).toMatchObject({ code: 'reveal_in_progress', details: first.revealId });
    expect((second.body as { message: string }).message).toContain(first.revealId);
    expect(third.body).toMatchObject({ reveal_id: expect.any(String) as string });
  });

  it('of two reveals of a collection that are created at the same time, one is accepted and charged [V6]', async () => {
    const project = await aProjectWithEggs(test);

    const responses = await Promise.all([1, 2, 3, 4].map(() => postReveal(test, project)));
    const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey);

    expect(responses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([202, 409, 409, 409]);
    // The refresh that made the eggs, and one reveal.
    expect(body).toMatchObject({ tokens_per_hour: { remaining: 30_000 - 8 } });
  });

  it.each([
    [{}, 'token_ids must be a list of token ids; or send tokens or all instead'],
    [{ all: true, token_ids: ['1'] }, 'the body must have one of token_ids and all, not both'],
    [{ all: true, publish: 'later' }, 'publish must be "manual", "when_complete" or {"at"'],
    [{ all: true, publish: { at: 'noon' } }, 'publish.at must be a time in RFC 3339'],
    [{ all: true, publish: { at: '2020-01-01T00:00:00Z' } }, 'cannot be published in the past'],
    [{ all: true, publish: { at: '2999-01-01T00:00:00Z' } }, 'The reveal expires at'],
    [{ all: true, min_succeeded: 0 }, 'min_succeeded must be above 0'],
    [{ all: true, min_succeeded: 1.01 }, 'min_succeeded must be at most 1'],
    [{ all: true, max_age: '59s' }, 'max_age must be a duration'],
    [{ all: true, max_age: '31d' }, 'max_age must be a duration'],
    [{ all: true, max_age: 24 }, 'max_age must be a duration'],
    [{ all: true, maxAge: '24h' }, 'max_age'],
  ])('a reveal with %j is refused, and nothing is counted', async (body, message) => {
    const project = await aProjectWithEggs(test, 1);

    const response = await postReveal(test, project, body).expect(400);

    expect(response.body).toMatchObject({
      code: 'input_validation_failed',
      message: expect.stringContaining(message) as string,
    });
    expect(await test.database.query('select from nft_metadata.reveals where project_id = $1', [project.id])).toEqual(
      [],
    );
    const { body: limits } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey);
    expect(limits).toMatchObject({ tokens_per_hour: { remaining: 29_999 } });
  });

  it('a reveal that names a token which is not registered is refused as a whole', async () => {
    const project = await aProjectWithEggs(test, 1);

    const { body } = await postReveal(test, project, { token_ids: ['1', '99'] }).expect(404);

    expect(body).toEqual({ code: 'token_not_found', message: 'Token 99 is not registered.' });
  });

  it('a reveal of more tokens than one may have is refused', async () => {
    const small = await startApp({}, { variables: { MAX_REVEAL_TOKENS: '2' } });
    const project = await small.aProject({ tokens: ids(3) });

    const { body } = await postReveal(small, project).expect(400);
    const list = await postReveal(small, project, { token_ids: ids(3) }).expect(400);
    await small.stop();

    expect(body).toMatchObject({ code: 'selection_too_large' });
    expect(list.body).toMatchObject({ code: 'selection_too_large' });
  });

  it('a repeated idempotency key makes one reveal, and both responses have its ids', async () => {
    const project = await aProjectWithEggs(test, 1);
    const post = () => postReveal(test, project).set('idempotency-key', 'reveal-1').expect(202);

    const responses = [await post(), await post()];

    expect(responses[1]!.body).toEqual(responses[0]!.body);
    expect(responses[1]!.headers['idempotent-replayed']).toBe('true');
  });

  it('reveals need credentials, and those of another project are not found', async () => {
    const [project, other] = [await aProjectWithEggs(test, 1), await test.aProject()];
    const { revealId } = await createReveal(test, project);

    const anonymous = await http(test.app).get(`/v1/reveals/${revealId}`);
    const read = await revealRequest(test, other, 'get', revealId);
    const cancelled = await revealRequest(test, other, 'post', `${revealId}/cancel`);
    const created = await http(test.app)
      .post('/v1/reveals')
      .set(await signedHeaders(other))
      .send({ collection_address: project.collectionAddress, all: true });

    expect(anonymous.status).toBe(401);
    expect([read.status, cancelled.status]).toEqual([404, 404]);
    expect(read.body).toMatchObject({ code: 'reveal_not_found' });
    expect([created.status, created.body]).toMatchObject([403, { code: 'forbidden' }]);
  });

  it('a project lists its reveals page by page, newest first', async () => {
    const [first, second] = [await aProjectWithEggs(test, 1), await aProjectWithEggs(test, 1)];
    const other = { ...first, collectionAddress: second.collectionAddress };
    await test.database.query('update nft_metadata.collections set project_id = $1 where id = $2', [
      first.id,
      second.collectionId,
    ]);
    const reveals = [await createReveal(test, first), await createReveal(test, other)];
    const list = (query: string) =>
      http(test.app).get(`/v1/reveals?${query}`).set('x-api-key', first.apiKey).expect(200);

    const page = await list('page_size=1');
    const next = await list(`page_size=1&cursor=${(page.body as { cursor: string }).cursor}`);
    const ofOne = await list(`collection_address=${first.collectionAddress}`);

    expect(page.body).toMatchObject({ result: [{ reveal_id: reveals[1]!.revealId }], remaining: 1 });
    expect(next.body).toMatchObject({ result: [{ reveal_id: reveals[0]!.revealId }], remaining: 0 });
    expect(ofOne.body).toMatchObject({ result: [{ reveal_id: reveals[0]!.revealId }] });
  });
});

describe('a reveal that ends without being published', () => {
  it('an expired reveal has no documents any more, and its pending tokens are cancelled [V7]', async () => {
    const project = await aProjectWithEggs(test, 200);
    test.metadataApi.respond('150', 503, '', { 'retry-after': '30' });
    const reveal = await stageReveal(test, project, { all: true, max_age: '1h' });
    const staged = await countStagedDocuments(test, reveal);

    await test.database.advance(3601);
    const late = await readReveal(test, project, reveal);
    await test.worker.runOnce();
    await test.database.advance(2);
    await test.worker.runOnce();

    expect(staged).toBeGreaterThan(0);
    expect(staged).toBeLessThan(200);
    expect(late).toMatchObject({ state: 'expired', ended_at: null });
    expect(await readReveal(test, project, reveal)).toMatchObject({
      state: 'expired',
      ended_at: expect.any(String) as string,
      summary: { pending: 0 },
    });
    expect(await countStagedDocuments(test, reveal)).toBe(0);
    expect(await readRefresh(test.app, project, reveal.refreshId)).toMatchObject({
      verdicts: { staged, cancelled: 200 - staged },
    });
    const looked = await test.database.query('select due_at from nft_metadata.reveals where id = $1', [
      reveal.revealId,
    ]);
    expect(looked).toEqual([{ due_at: null }]);
    await postReveal(test, project).expect(202);
  });

  it('a cancelled reveal fetches nothing more, drops what is being fetched, and has no documents any more [V7]', async () => {
    const project = await aProjectWithEggs(test, 40);
    test.metadataApi.hold();
    const reveal = await createReveal(test, project);
    const working = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });

    const { body } = await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);
    const again = await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);
    test.metadataApi.releaseHeld();
    await working;
    await test.worker.runOnce();
    await test.database.advance(2);
    await test.worker.runOnce();

    expect([body, again.body]).toMatchObject([{ state: 'cancelled' }, { state: 'cancelled' }]);
    expect(await countStagedDocuments(test, reveal)).toBe(0);
    expect(await readReveal(test, project, reveal)).toMatchObject({
      state: 'cancelled',
      summary: { staged: 0, pending: 0 },
    });
    expect(await readRefresh(test.app, project, reveal.refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 0, failed: 0, cancelled: 40 },
      verdicts: { cancelled: 40, staged: 0 },
    });
  });

  it('failed tokens of a cancelled reveal cannot be retried, because nobody would see what they show', async () => {
    const project = await aProjectWithEggs(test, 1);
    test.metadataApi.respond('1', 404);
    const reveal = await stageReveal(test, project);
    await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);

    const { body } = await control(test.app, project, reveal.refreshId, 'retry').expect(409);

    expect(body).toMatchObject({ code: 'reveal_ended', message: expect.stringContaining('is cancelled') as string });
  });

  it('a retry that waits for a cancellation of its reveal is told that it is cancelled', async () => {
    const project = await aProjectWithEggs(test, 1);
    test.metadataApi.respond('1', 404);
    const reveal = await stageReveal(test, project);
    const cancellation = await holdRows(
      test,
      `update nft_metadata.reveals set state = 'cancelled', ended_at = now(), due_at = now() where id = $1`,
      [reveal.revealId],
    );

    const retrying = control(test.app, project, reveal.refreshId, 'retry').then((response) => response);
    await cancellation.reached();
    await cancellation.commit();

    expect(await retrying).toMatchObject({
      status: 409,
      body: { code: 'reveal_ended', message: expect.stringContaining('is cancelled') as string },
    });
  });

  it('a refresh that is requested beside a reveal is fetched for itself, and shown', async () => {
    const project = await aProjectWithEggs(test, 1);
    const reveal = await createReveal(test, project);
    const refreshId = await requestRefresh(test.app, project, ['1']);

    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { updated: 1, staged: 0 } });
    expect(await readReveal(test, project, reveal)).toMatchObject({ summary: { staged: 1 } });
    const { body } = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1`);
    expect(body).toMatchObject({ name: 'Dragon 1', metadata_version: 2 });
  });
});

describe('after the end of a reveal', () => {
  it('the retention deletes a reveal as long after its end as a refresh after its completion', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);
    await publishReveal(test, project, reveal);
    const open = await stageReveal(test, project, { all: true, max_age: '30d' });
    const countRows = async () => {
      const [row] = await test.database.query<{ versions: number }>(
        'select count(*)::int as versions from nft_metadata.revealed_versions where reveal_id = $1',
        [reveal.revealId],
      );
      return row!.versions;
    };
    const retention = test.app.get(RefreshRetention);

    await test.database.advance(29 * 86_400);
    await retention.deleteExpired();
    const kept = [(await readReveal(test, project, reveal)).state, await countRows()];
    await test.database.advance(1.1 * 86_400);
    const { reveals } = await retention.deleteExpired();

    expect(kept).toEqual(['published', 2]);
    expect(reveals).toBeGreaterThan(0);
    await revealRequest(test, project, 'get', reveal.revealId).expect(404);
    expect(await countRows()).toBe(0);
    await revealRequest(test, project, 'get', open.revealId).expect(200);
  });

  it('the retention keeps the refresh of an open reveal, however old it is', async () => {
    const project = await aProjectWithEggs(test, 2);
    test.metadataApi.respond('2', 404);
    const reveal = await stageReveal(test, project, { all: true, max_age: '30d' });
    const retention = test.app.get(RefreshRetention);
    const isKept = async () =>
      (await http(test.app).get(`/v1/metadata-refreshes/${reveal.refreshId}`).set('x-api-key', project.apiKey)).status;

    await test.database.query(
      `update nft_metadata.refreshes set completed_at = completed_at - interval '31 days' where id = $1`,
      [reveal.refreshId],
    );
    await retention.deleteExpired();
    const open = [await isKept(), (await readReveal(test, project, reveal))['summary']];
    await revealRequest(test, project, 'post', `${reveal.revealId}/cancel`).expect(202);
    await retention.deleteExpired();

    expect(open).toEqual([200, { total: 2, staged: 1, failed: 1, pending: 0 }]);
    expect(await isKept()).toBe(404);
  });

  it('a project is removed with its reveals and their documents', async () => {
    const project = await aProjectWithEggs(test, 2);
    const reveal = await stageReveal(test, project);

    await test.app.get(Refreshes).removeAllOf(project.id);

    expect(await countStagedDocuments(test, reveal)).toBe(0);
    await revealRequest(test, project, 'get', reveal.revealId).expect(404);
  });
});
