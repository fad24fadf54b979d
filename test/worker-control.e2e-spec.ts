import { holdClaims } from './support/held-claims.js';
import { untilListening } from './support/listening.js';
import { readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  // Responses are held back here until something else has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 } });
});
afterAll(async () => test.stop());
beforeEach(() => test.metadataApi.hits.clear());
afterEach(async () => test.worker.stop());

/** The host answers for this token when it is told to. */
function holdBack(tokenId: string): () => void {
  let response = () => {};
  const told = new Promise<void>((done) => (response = done));
  test.metadataApi.script(tokenId, { before: () => told, status: 200, body: { name: `Token ${tokenId}` } });
  return () => {
    test.metadataApi.script(tokenId, { status: 200, body: { name: `Token ${tokenId}` } });
    response();
  };
}

const until = (condition: () => boolean | Promise<boolean>) => vi.waitUntil(condition, { timeout: 10_000 });
const hits = (tokenId: string) => test.metadataApi.hits.get(tokenId) ?? 0;

async function claimsOf(refreshIds: readonly string[]): Promise<number> {
  const [row] = await test.database.query<{ claims: number }>(
    'select sum(claim_count)::int as claims from nft_metadata.refresh_chunks where refresh_id = any($1)',
    [refreshIds],
  );
  return row!.claims;
}

describe('hosts that run the worker themselves', () => {
  /** For the answer to token 1; the project has a token 2 as well. */
  async function aRoundThatWaits() {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const response = holdBack('1');
    await requestRefresh(test.app, project, ['1']);
    const round = test.worker.runOnce();
    await until(() => hits('1') === 1);
    return { project, response, round };
  }

  it('a host that runs the worker itself can run two rounds concurrently; the worker stops with them, and can be started afterwards', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await Promise.all([test.worker.runOnce(), test.worker.runOnce()]);
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });

    const later = await requestRefresh(test.app, project, ['2']);
    test.worker.wake();
    await test.worker.stop();
    expect(await claimsOf([later])).toBe(0);
    test.worker.start();
    await until(() => hits('2') === 1);
  });

  it('a host that runs the worker itself can start it in the middle of a round, and it continues', async () => {
    const { project, response, round } = await aRoundThatWaits();
    test.worker.start();
    response();
    await round;

    await requestRefresh(test.app, project, ['2']);
    await until(() => hits('2') === 1);
  });

  it('a host that runs the worker itself can stop it in the middle of a round, and nothing more is claimed', async () => {
    const { project, response, round } = await aRoundThatWaits();
    const later = await requestRefresh(test.app, project, ['2']);

    const stopped = [test.worker.stop(), test.worker.stop()];
    test.worker.wake();
    await Promise.all([...stopped, round]);
    test.worker.wake();
    await test.worker.stop();

    expect(await claimsOf([later])).toBe(0);
    response();
  });
});

it('a worker that is idle begins at once with a refresh that is accepted', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  // Started and never woken: only a notification makes it claim.
  test.worker.start();
  await untilListening(test);

  // One after the other: the worker is idle in between.
  for (const tokenId of ['1', '2', '3']) {
    const refreshId = await requestRefresh(test.app, project, [tokenId]);

    await until(async () => (await readRefresh(test.app, project, refreshId)).status === 'completed');
  }
});

it('a single poll claims tokens of all projects, however many wait', async () => {
  const response = holdBack('1');
  const refreshIds: string[] = [];
  for (let count = 0; count < 20; count += 1) {
    refreshIds.push(await requestRefresh(test.app, await test.aProject({ tokens: ['1'] }), ['1']));
  }

  const round = test.worker.runOnce();
  // More than its host is asked for at once, and none of them is answered.
  await until(async () => (await claimsOf(refreshIds)) >= 16);

  response();
  await round;
});

it('a token that is refreshed again during its fetch is fetched again afterwards, also if a claim is running', async () => {
  const project = await test.aProject({ tokens: ['1', '2', '3'] });
  const [respondToFirst, ...respondToOthers] = [holdBack('1'), holdBack('2'), holdBack('3')];
  const first = await requestRefresh(test.app, project, ['1']);
  await requestRefresh(test.app, project, ['3']);
  test.worker.start();
  await until(() => hits('1') + hits('3') === 2);
  await requestRefresh(test.app, project, ['1']);
  await using claims = await holdClaims(test.database, '2');
  await requestRefresh(test.app, project, ['2']);
  await until(() => claims.isOneWaiting());

  respondToFirst!();
  await until(async () => (await readRefresh(test.app, project, first))['status'] === 'completed');
  await claims.release();

  await until(() => hits('2') === 1);
  await until(() => hits('1') === 2);
  for (const response of respondToOthers) response();
});
