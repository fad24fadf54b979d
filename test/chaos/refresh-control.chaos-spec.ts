import { controlRefreshesAtRandom } from '../support/control-scenarios.js';
import { CrashTest, rounds, waitUntil } from '../support/crash-test.js';

let test: CrashTest;
beforeAll(async () => {
  test = await CrashTest.start();
});
afterEach(() => test.killAll());
afterAll(() => test.stop());

it.each(rounds(3))(
  'round %i: refreshes that are cancelled, paused, resumed and retried at random, by processes that are killed, lose and repeat nothing',
  async () => {
    await controlRefreshesAtRandom(test, { processes: 3, times: 8, tokens: 150 });
  },
);

/** Tokens of a very large refresh. */
const MANY = 30_000;

it.each(rounds(1))(
  'round %i: a very large refresh whose processes are killed while it is fetched, paused, resumed and cancelled gives each token one result',
  async () => {
    const project = await test.aProject(MANY);
    test.scriptNumberedResponses(project.tokenIds);
    const api = await test.startProcess('api');
    let worker = await test.startProcess('worker');
    const restartWorker = async () => {
      await worker.end('SIGKILL');
      worker = await test.startProcess('worker');
      await test.expireLeases();
    };
    const refreshId = await test.requestAll(api.url, project);

    await waitUntil(async () => (await succeeded(refreshId)) > 1000);
    await restartWorker();
    const afterFirst = await succeeded(refreshId);
    await waitUntil(async () => (await succeeded(refreshId)) > afterFirst + 1000);
    expect(await test.control(api.url, project, refreshId, 'pause')).toBe(202);
    await restartWorker();
    expect(await test.control(api.url, project, refreshId, 'resume')).toBe(202);
    await restartWorker();
    const afterResume = await succeeded(refreshId);
    await waitUntil(async () => (await succeeded(refreshId)) > afterResume + 1000);
    expect(await test.control(api.url, project, refreshId, 'cancel')).toBe(202);
    await api.end('SIGKILL');
    await restartWorker();
    await test.expectAllDone();

    const [row] = await test.database.query<{ succeeded: number; cancelled: number; used: number }>(
      `select refresh.succeeded, cancelled, quota.used
       from nft_metadata.refreshes as refresh join nft_metadata.refresh_quotas as quota using (project_id)
       where refresh.id = $1`,
      [refreshId],
    );
    expect(row!.succeeded + row!.cancelled).toBe(MANY);
    expect(row!.cancelled).toBeGreaterThan(0);
    expect(row!.used).toBeLessThan(MANY);
    expect(row!.used).toBeGreaterThanOrEqual(row!.succeeded);
  },
);

async function succeeded(refreshId: string): Promise<number> {
  const [row] = await test.database.query<{ succeeded: number }>(
    'select succeeded from nft_metadata.refreshes where id = $1',
    [refreshId],
  );
  return row!.succeeded;
}
