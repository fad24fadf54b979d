import { randomUUID } from 'node:crypto';
import { Refreshes } from '@app/metadata-refresh';
import { MetadataHost } from '@app/testing';
import { TokenStore } from '@app/token-store';
import { holdClaims } from './support/held-claims.js';
import { holdRows } from './support/held-rows.js';
import { http, readErrors, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { control, remainingTokens, untilStatus } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
/** A host that the worker has not measured yet. How many tokens it claims ahead depends on how fast a host responds. */
let newHost: MetadataHost;
beforeAll(async () => {
  newHost = await MetadataHost.start();
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } }, { otherHosts: [newHost] });
});
afterAll(() => Promise.all([test.stop(), newHost.close()]));
beforeEach(() => test.metadataApi.hits.clear());

/** A refresh of this many tokens of which a worker fetches some, whose requests are on hold. */
async function inTheMiddle(project: TestProject, tokenIds: readonly string[]) {
  test.metadataApi.hold();
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  const round = test.worker.runOnce();
  await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });
  const finish = async () => {
    test.metadataApi.releaseHeld();
    await round;
  };
  return { refreshId, finish };
}

const completionsOf = (refreshId: string) =>
  test.database.query(
    `select event->>'succeeded' as succeeded, event->>'cancelled' as cancelled
     from nft_metadata.event_outbox cross join jsonb_array_elements(completions::jsonb) as event
     where event->>'refreshId' = $1`,
    [refreshId],
  );

describe('cancelling a refresh', () => {
  it('a refresh that is cancelled before its first token is claimed fetches nothing, and is completed [T7]', async () => {
    const project = await test.aProject({ tokens: ids(300) });
    const refreshId = await requestRefresh(test.app, project, ids(300));

    const { body } = await control(test.app, project, refreshId, 'cancel').expect(202);

    expect(body).toMatchObject({
      refresh_id: refreshId,
      cancelled_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{6}Z$/) as string,
      paused_at: null,
    });
    expect(await untilStatus(test, project, refreshId, 'completed')).toMatchObject({
      summary: { succeeded: 0, failed: 0, pending: 0, cancelled: 300 },
      verdicts: { cancelled: 300, updated: 0, failed: 0 },
      completed_at: expect.any(String) as string,
    });
    await test.worker.runOnce();
    expect(test.metadataApi.totalHits).toBe(0);
    expect(await readErrors(test.app, project, refreshId)).toEqual([]);
    expect(await completionsOf(refreshId)).toEqual([{ succeeded: '0', cancelled: '300' }]);
  });

  it('a refresh that was cancelled a moment ago is not claimed, although its chunks are not cancelled yet', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const refreshId = await requestRefresh(test.app, project, ids(20));
    // As the call leaves it, if the process that got it dies before its sweep.
    await test.database.query(
      `update nft_metadata.refreshes set cancelled_at = now(), sweep_due_at = now() + interval '10 seconds' where id = $1`,
      [refreshId],
    );

    await test.worker.runOnce();

    expect(test.metadataApi.totalHits).toBe(0);
    expect(await summaryOf(project, refreshId)).toMatchObject({ pending: 20 });
    await test.database.advance(11);
    await test.worker.runOnce();
    expect(await untilStatus(test, project, refreshId, 'completed')).toMatchObject({ summary: { cancelled: 20 } });
    expect(test.metadataApi.totalHits).toBe(0);
  });

  it('a refresh that is cancelled in the middle finishes what is being fetched, and cancels the rest meanwhile [T7]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const { refreshId, finish } = await inTheMiddle(project, ids(1000));

    await control(test.app, project, refreshId, 'cancel').expect(202);
    await vi.waitUntil(async () => ((await summaryOf(project, refreshId)).cancelled ?? 0) > 900, { timeout: 10_000 });

    const meanwhile = await readRefresh(test.app, project, refreshId);
    expect(meanwhile).toMatchObject({ status: 'in_progress', completed_at: null, summary: { succeeded: 0 } });
    await finish();
    const { summary, status } = await readRefresh(test.app, project, refreshId);
    const fetched = test.metadataApi.hits.size;
    expect(fetched).toBeGreaterThan(0);
    expect({ summary, status }).toEqual({
      status: 'completed',
      summary: { succeeded: fetched, failed: 0, pending: 0, cancelled: 1000 - fetched },
    });
    expect(await completionsOf(refreshId)).toEqual([{ succeeded: `${fetched}`, cancelled: `${1000 - fetched}` }]);
  });

  it('a refresh that is completed cannot be cancelled, paused or resumed [T7]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    for (const call of ['cancel', 'pause', 'resume'] as const) {
      const { body } = await control(test.app, project, refreshId, call).expect(409);
      expect(body).toEqual({
        code: 'refresh_completed',
        message: `Refresh ${refreshId} is completed: no token of it is pending.`,
      });
    }
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ cancelled_at: null, paused_at: null });
  });

  it('a refresh that was cancelled can be cancelled again, without effect, and not be paused or resumed', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await control(test.app, project, refreshId, 'cancel').expect(202);
    const before = await untilStatus(test, project, refreshId, 'completed');

    const { body } = await control(test.app, project, refreshId, 'cancel').expect(202);

    expect(body).toEqual(before);
    for (const call of ['pause', 'resume'] as const) {
      const refused = await control(test.app, project, refreshId, call).expect(409);
      expect(refused.body).toMatchObject({ code: 'refresh_cancelled' });
    }
  });

  it('a token of a cancelled refresh whose fetch ends in a retry is cancelled', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const { refreshId, finish } = await inTheMiddle(project, ['1']);
    test.metadataApi.script('1', { status: 503, body: '' }, { status: 200, body: { name: 'One' } });

    await control(test.app, project, refreshId, 'cancel').expect(202);
    await finish();
    await test.database.advance(2);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 0, failed: 0, pending: 0, cancelled: 1 },
    });
    expect(test.metadataApi.hits.get('1')).toBe(1);
    const [result] = await test.database.query(
      'select attempts from nft_metadata.refresh_results where refresh_id = $1',
      [refreshId],
    );
    expect(result).toEqual({ attempts: 1 });
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
  });

  it('the owner of a refresh controls it with a signature that was not used before; nobody else controls it', async () => {
    const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const path = `/v1/metadata-refreshes/${refreshId}/pause`;
    const headers = await signedHeaders(project, new Date(Date.now() - 2000));

    await http(test.app).post(path).set(headers).expect(202);
    const replayed = await http(test.app).post(path).set(headers).expect(401);
    const foreign = await http(test.app).post(path).set('x-api-key', other.apiKey).expect(404);
    const nobody = await http(test.app).post(path).expect(401);
    const unknown = await control(test.app, project, randomUUID(), 'cancel').expect(404);

    expect(replayed.body).toMatchObject({ details: 'signature_already_used' });
    expect([foreign.body, unknown.body]).toMatchObject([{ code: 'refresh_not_found' }, { code: 'refresh_not_found' }]);
    expect(nobody.body).toMatchObject({ code: 'unauthorized' });
    await control(test.app, project, 'not-a-uuid', 'cancel').expect(400);
    const { body } = await http(test.app).get(path).set('x-api-key', project.apiKey).expect(405);
    expect(body).toMatchObject({ code: 'method_not_allowed' });
    const field = await control(test.app, project, refreshId, 'cancel', { because: 'x' }).expect(400);
    expect(field.body).toMatchObject({ message: expect.stringContaining('because') as string });
  });

  it('calls that control refreshes count towards the requests per second, unless they are refused', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 2 } });
    await test.database.freezeTime();
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await control(test.app, project, randomUUID(), 'cancel').expect(404);
    await control(test.app, project, refreshId, 'pause').expect(202);

    const { body, headers } = await control(test.app, project, refreshId, 'resume').expect(429);

    await test.database.unfreezeTime();
    expect(body).toMatchObject({ code: 'refresh_limit_exceeded' });
    expect(headers['retry-after']).toBe('1');
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ paused_at: expect.any(String) as string });
  });
});

async function summaryOf(project: TestProject, refreshId: string) {
  const { summary } = await readRefresh(test.app, project, refreshId);
  return summary as { succeeded: number; failed: number; pending: number; cancelled?: number };
}

async function cancelledTokens(refreshId: string): Promise<number> {
  return (await test.app.get(Refreshes).get(refreshId)).cancelled;
}

describe('cancelling a refresh whose tokens a worker holds', () => {
  it('cancelling a refresh cancels the tokens that no worker holds; running fetches end as usual', async () => {
    const project = await test.aProject({ tokens: ids(300), metadataUrl: newHost.url });
    newHost.hold();
    const refreshId = await requestRefresh(test.app, project, ids(300));
    const round = test.worker.runOnce();
    await vi.waitUntil(() => newHost.heldCount > 0, { timeout: 10_000 });

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    await vi.waitUntil(async () => (await cancelledTokens(refreshId)) > 0, {
      timeout: 10_000,
    });
    newHost.releaseHeld();
    const cancelled = await cancellation;
    await round;

    const { summary, status } = await readRefresh(test.app, project, refreshId);
    expect(status).toBe('completed');
    expect(cancelled).toBeGreaterThan(200);
    expect(summary).toEqual({ succeeded: 300 - cancelled, failed: 0, cancelled, pending: 0 });
    const fetched = newHost.hits.size;
    expect(fetched).toBe(300 - cancelled);
    expect(await readErrors(test.app, project, refreshId)).toEqual([]);
    expect(await test.app.get(Refreshes).cancel(refreshId)).toBe(0);
  });

  it('cancelling a refresh does not change the records of its tokens', async () => {
    const project = await test.aProject({ tokens: ['20'] });
    const refreshId = await requestRefresh(test.app, project, ['20']);

    expect(await test.app.get(Refreshes).cancel(refreshId)).toBe(1);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 0, failed: 0, cancelled: 1, pending: 0 },
    });
    const token = await test.app.get(TokenStore).findToken({ collectionId: project.collectionId, tokenId: '20' });
    expect(token).toMatchObject({ name: null, metadataStatus: 'pending', lastAttemptAt: null });
  });

  it('cancelling a refresh waits for its running fetches, and counts a token whose fetch ends in a retry', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    let respond = () => {};
    const before = () => new Promise<void>((done) => (respond = done));
    test.metadataApi.script('1', { before, status: 503, body: '' }, { status: 200, body: { name: 'One' } });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.hits.has('1'), { timeout: 10_000 });

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    respond();

    expect(await cancellation).toBe(1);
    await round;
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { cancelled: 1, failed: 0 } });
    test.metadataApi.respond('1', 200, { name: 'One' });
  });

  it('cancelling a refresh does not wait for the claim of its other tokens', async () => {
    const project = await test.aProject({ tokens: ids(1000, 101) });
    await using claims = await holdClaims(test.database, '101');
    const refreshId = await requestRefresh(test.app, project, ids(1000, 101));
    const round = test.worker.runOnce();
    await vi.waitUntil(() => claims.isOneWaiting(), { timeout: 10_000 });

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    // A claim takes at most 512 tokens: these are the chunks that it leaves alone.
    await vi.waitUntil(async () => (await cancelledTokens(refreshId)) > 0, { timeout: 10_000 });
    await claims.release();
    const cancelled = await cancellation;
    await round;

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 1000 - cancelled, failed: 0, cancelled, pending: 0 },
    });
  });

  it('cancelling a refresh waits for a worker that has died with its tokens, until its lease expires', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await test.database.query(
      `update nft_metadata.refresh_chunks
       set is_claimed = true, claim_count = 1, due_at = now() + interval '30 seconds' where refresh_id = $1`,
      [refreshId],
    );

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    await test.database.advance(31);

    expect(await cancellation).toBe(1);
  });
});

describe('the quota of a cancelled refresh', () => {
  const limits = { tokensPerHour: 10_000 };

  it('tokens that were never begun are given back to the quota when their refresh is cancelled, once [T9]', async () => {
    const project = await test.aProject({ tokens: ids(1000), limits });
    const { refreshId, finish } = await inTheMiddle(project, ids(1000));
    expect(await remainingTokens(test, project)).toBe(9000);
    const other = await test.anotherProcess();

    await control(test.app, project, refreshId, 'cancel').expect(202);
    const cancellations = [
      control(test.app, project, refreshId, 'cancel').expect(202),
      other.get(Refreshes).cancel(refreshId),
      other.get(Refreshes).cancel(refreshId),
      test.app.get(Refreshes).cancel(refreshId),
    ];
    await finish();
    await Promise.all(cancellations);
    await untilStatus(test, project, refreshId, 'completed');

    const { succeeded, cancelled } = await summaryOf(project, refreshId);
    expect(cancelled).toBeGreaterThan(0);
    expect(await remainingTokens(test, project)).toBe(10_000 - succeeded);
    await control(test.app, project, refreshId, 'cancel').expect(202);
    expect(await remainingTokens(test, project)).toBe(10_000 - succeeded);
  });

  it('tokens that a refresh has begun, and ids that are not registered, are not given back to the quota [T9]', async () => {
    const project = await test.aProject({ tokens: ids(5), limits });
    test.metadataApi.script('1', { status: 503, body: '', headers: { 'retry-after': '20' } });
    const waiting = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const unknown = await requestRefresh(test.app, project, ['2', '3', '98', '99']);

    for (const refreshId of [waiting, unknown]) await control(test.app, project, refreshId, 'cancel').expect(202);
    for (const refreshId of [waiting, unknown]) await untilStatus(test, project, refreshId, 'completed');

    expect(await summaryOf(project, unknown)).toEqual({ succeeded: 0, failed: 2, pending: 0, cancelled: 2 });
    expect(await remainingTokens(test, project)).toBe(10_000 - 1 - 2);
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
    await test.database.advance(60);
  });

  it('nothing is given back to the quota of an hour that is over, nor to the next one [T9]', async () => {
    const project = await test.aProject({ tokens: ids(10), limits });
    const old = await requestRefresh(test.app, project, ids(8));
    await test.database.advance(3601);
    const recent = await requestRefresh(test.app, project, ids(2, 9));
    expect(await remainingTokens(test, project)).toBe(9998);

    await control(test.app, project, old, 'cancel').expect(202);
    await untilStatus(test, project, old, 'completed');
    expect(await remainingTokens(test, project)).toBe(9998);

    await control(test.app, project, recent, 'cancel').expect(202);
    await untilStatus(test, project, recent, 'completed');
    expect(await remainingTokens(test, project)).toBe(10_000);
  });
});

describe('a cancelled refresh of a million tokens', () => {
  /** Accepted, and cancelled, while another process works on its chunks: this one must not. */
  async function aMillionCancelled(project: TestProject): Promise<string> {
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    await test.database.query(
      `insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select $1, lane_id, priority, due_at,
         array(select id::numeric from generate_series(chunk * 128 + 10000, chunk * 128 + 10127) as id)
       from (select * from nft_metadata.refresh_chunks where refresh_id = $1 limit 1) as one, generate_series(1, 8000) as chunk`,
      [refreshId],
    );
    await test.database.query('update nft_metadata.refreshes set total = total + 8000 * 128 where id = $1', [
      refreshId,
    ]);
    await test.database.query('analyze nft_metadata.refresh_chunks');
    return refreshId;
  }

  it('a refresh of a million tokens is cancelled without waiting for its chunks, which follow in the background', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const refreshId = await aMillionCancelled(project);

    const chunks = await holdRows(test, 'select from nft_metadata.refresh_chunks where refresh_id = $1 for update', [
      refreshId,
    ]);

    const { body } = await control(test.app, project, refreshId, 'cancel').expect(202);

    await chunks.release();
    expect((body as { summary: { pending: number } }).summary.pending).toBeGreaterThan(900_000);
    await vi.waitUntil(async () => (await readRefresh(test.app, project, refreshId))['status'] === 'completed', {
      timeout: 120_000,
      interval: 200,
    });
    expect(await summaryOf(project, refreshId)).toEqual({ succeeded: 0, failed: 0, pending: 0, cancelled: 1_025_000 });
  }, 180_000);

  it('another refresh of the same lane is not delayed by eight thousand cancelled chunks before it', async () => {
    const project = await test.aProject({ tokens: ids(2000) });
    const cancelled = await aMillionCancelled(project);
    await test.database.query(
      `update nft_metadata.refreshes set cancelled_at = now(), sweep_due_at = now() + interval '50 seconds' where id = $1`,
      [cancelled],
    );
    const refreshId = await requestRefresh(test.app, project, ids(300, 1001));

    const statements = await captureStatements(() => test.worker.runOnce());
    const claims = statements.filter(({ text }) => text.includes('stopped as materialized'));
    const reads = await explainReads(test.database.url, claims.slice(0, 1));

    expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 300 });
    expect(test.metadataApi.totalHits).toBe(300);
    // The first claim reads the cancelled chunks once for each search, from the index of the queue, and sorts none of them.
    const ofChunks = reads.filter(({ table }) => table === 'refresh_chunks');
    expect(new Set(ofChunks.map(({ node }) => node))).not.toContain('Seq Scan');
    expect(Math.max(...ofChunks.map(({ rows }) => rows))).toBeLessThan(10_000);
    await control(test.app, project, cancelled, 'cancel').expect(202);
  }, 60_000);
});
