import { Refreshes } from '@app/metadata-refresh';
import { TokenStore } from '@app/token-store';
import { readErrors, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
let store: TokenStore;
beforeAll(async () => {
  test = await startApp();
  store = test.app.get(TokenStore);
});
afterAll(() => test.stop());

describe('cancelling a refresh', () => {
  it('cancelling a refresh fails its pending tokens while a worker is fetching them, and the results of the worker change nothing', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const refreshId = await requestRefresh(test.app, project, ['20']);
    let cancelled: number | undefined;
    test.metadataApi.script('20', {
      status: 200,
      body: { name: 'late' },
      before: async () => {
        cancelled = await test.app.get(Refreshes).cancel(refreshId);
      },
    });

    await test.worker.runOnce();

    expect(cancelled).toBe(1);
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { token_id: '20', error_code: 'unable_to_retrieve_metadata', reason: 'cancelled' },
    ]);
    const token = await store.findToken({ collectionId: project.collectionId, tokenId: '20' });
    expect(token).toMatchObject({ name: null, metadataStatus: 'pending' });
    expect(await test.app.get(Refreshes).cancel(refreshId)).toBe(0);
  });
});
