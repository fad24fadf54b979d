import { MetadataHost } from './support/metadata-host.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

/** Each test has one that no worker has asked yet. */
let host: MetadataHost;
let test: TestApp;
const prepare = async (deadlineMs: number) => {
  host = await MetadataHost.start();
  test = await startApp({ metadataFetch: { deadlineMs } }, { otherHosts: [host] });
};
afterEach(async () => {
  host.letGo();
  await test.stop();
  await host.close();
});

const ids = (count: number) => Array.from({ length: count }, (_, index) => String(1 + index));
const aProject = (tokens: readonly string[]) => test.aProject({ tokens, metadataUrl: `${host.url}/tokens` });
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 20 });
/** Requests that ended so, as far as their results are written. */
async function written(reason: string): Promise<number> {
  const rows = await test.database.query('select from nft_metadata.refresh_attempts where reason = $1', [reason]);
  return rows.length;
}
async function expectSucceeded(project: TestProject, refreshId: string, count: number): Promise<void> {
  expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
    status: 'completed',
    summary: { succeeded: count, failed: 0, pending: 0 },
  });
}

describe('a host that takes 32 requests at once', () => {
  /** A refresh of a thousand tokens that has got as far as that, and the 32 wait for their answers. */
  async function growTo32(): Promise<{ project: TestProject; refreshId: string }> {
    const project = await aProject(ids(1000));
    await test.database.query('update nft_metadata.collections set requests_at_once = 32');
    // As a host that is a little away: long enough that requests meet.
    const before = () => new Promise<void>((done) => setTimeout(done, 20));
    for (const tokenId of ids(1000)) host.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    test.worker.start();
    await until(() => host.mostAtOnce === 32);
    host.hold();
    await until(() => host.heldCount === 32);
    return { project, refreshId };
  }

  it('gets as many while it answers quickly, half as many after each round of 503, and then more again', async () => {
    await prepare(20_000);
    const { project, refreshId } = await growTo32();
    const most = [host.mostAtOnce];

    for (const [expected, answered] of [
      [16, 32],
      [8, 48],
    ] as const) {
      const throttledAt = performance.now();
      host.answerHeld(32, { status: 503, body: '' });
      await until(async () => host.heldCount >= expected && (await written('status_503')) >= answered);
      most.push(host.mostAtOnceSince(throttledAt));
    }
    const quickAt = performance.now();
    host.letGo();

    await until(() => host.mostAtOnceSince(quickAt) > 8);
    await until(async () => {
      test.worker.wake();
      return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
    });
    await test.worker.stop();
    expect(most).toEqual([32, 16, 8]);
    await expectSucceeded(project, refreshId, 1000);
  });

  it('gets half as many after a round of timeouts, and then more again', async () => {
    await prepare(2000);
    await growTo32();
    const most = [host.mostAtOnce];

    const hangsSince = performance.now();
    await until(async () => host.mostAtOnceSince(hangsSince) >= 16 && (await written('timeout')) >= 32);
    most.push(host.mostAtOnceSince(hangsSince));
    const quickAt = performance.now();
    host.letGo();

    await until(() => host.mostAtOnceSince(quickAt) > 16);
    await test.worker.stop();
    expect(most).toEqual([32, 16]);
  });
});
