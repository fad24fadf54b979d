import { Refreshes } from '@app/metadata-refresh';
import { TokenStore } from '@app/token-store';
import { holdClaims } from './support/held-claims.js';
import { readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let store: TokenStore;
beforeAll(async () => {
  test = await startApp();
  store = test.app.get(TokenStore);
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());

describe('cancelling a refresh', () => {
  it('cancelling a refresh cancels the tokens that no worker holds, and what is being fetched ends as it ends', async () => {
    const project = await test.aProject({ tokens: ids(300) });
    test.metadataApi.hold();
    const refreshId = await requestRefresh(test.app, project, ids(300));
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    await vi.waitUntil(async () => (await cancelledTokens(refreshId)) > 0, {
      timeout: 10_000,
    });
    test.metadataApi.releaseHeld();
    const cancelled = await cancellation;
    await round;

    const { summary, status } = await readRefresh(test.app, project, refreshId);
    expect(status).toBe('completed');
    expect(cancelled).toBeGreaterThan(200);
    expect(summary).toEqual({ succeeded: 300 - cancelled, failed: 0, cancelled, pending: 0 });
    const fetched = test.metadataApi.hits.size;
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
    const token = await store.findToken({ collectionId: project.collectionId, tokenId: '20' });
    expect(token).toMatchObject({ name: null, metadataStatus: 'pending', lastAttemptAt: null });
  });

  it('cancelling a refresh cancels a token whose fetch ends in a retry', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    let respond = () => {};
    const before = () => new Promise<void>((done) => (respond = done));
    test.metadataApi.script('1', { before, status: 503, body: '' });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.hits.has('1'), { timeout: 10_000 });

    const cancellation = test.app.get(Refreshes).cancel(refreshId);
    respond();

    expect(await cancellation).toBe(1);
    await round;
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ verdicts: { cancelled: 1, failed: 0 } });
  });

  it('cancelling a refresh does not wait for a claim of other tokens of it', async () => {
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

async function cancelledTokens(refreshId: string): Promise<number> {
  return (await test.app.get(Refreshes).get(refreshId)).cancelled;
}
