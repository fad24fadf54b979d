import { type Behaviour, behaviours, prepareBombs } from '@app/testing';
import { CrashTest, rounds, waitUntil } from '../support/crash-test.js';
import { TEST_SESSION } from '../support/database.js';
import type { ServiceProcess } from '../support/service-process.js';

let test: CrashTest;
let api: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  api = await test.startProcess('api');
});
beforeEach(() => {
  test.metadataApi.maxConcurrent = 0;
});
afterEach(async () => test.killAll('worker'));
afterAll(async () => {
  try {
    await expectNoDeadlocks();
  } finally {
    await test.stop();
  }
});

const each = rounds(1);

/** Sessions count theirs when they end, at the latest. */
async function expectNoDeadlocks(): Promise<void> {
  await test.killAll();
  await test.app.app.close();
  await waitUntil(async () => (await test.database.query(SERVICE_SESSIONS)).length === 0);
  expect(
    await test.database.query('select deadlocks::int from pg_stat_database where datname = current_database()'),
  ).toEqual([{ deadlocks: 0 }]);
}

const SERVICE_SESSIONS = `
  select from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and application_name <> '${TEST_SESSION}'`;

/** Where no worker was killed that was asking for something. */
function expectFetchesApart(tokenIds: readonly string[]): void {
  const overlapping = tokenIds.filter((tokenId) =>
    test.metadataApi.requestTimes
      .get(tokenId)!
      .some(({ startedAt }, index, all) => index > 0 && startedAt < all[index - 1]!.endedAt),
  );
  expect(overlapping).toEqual([]);
  expect(test.metadataApi.maxConcurrent).toBeLessThanOrEqual(8);
}

it.each(each)(
  'round %i: the same request from fifty concurrent clients is fifty refreshes, and all complete',
  async () => {
    // Fewer than their host is asked for at once: the same one twice is not kept from it by that.
    const project = await test.aProject(3);
    test.scriptNumberedResponses(project.tokenIds, 300);
    await Promise.all([test.startProcess('worker'), test.startProcess('worker')]);

    const responses = await Promise.all(
      Array.from({ length: 50 }, () => test.post(api.url, project, project.tokenIds)),
    );

    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 202));
    expect(new Set(test.accepted.slice(-50).map(({ refreshId }) => refreshId)).size).toBe(50);
    await test.expectAllDone();
    expectFetchesApart(project.tokenIds);
  },
);

it.each(each)('round %i: four workers write overlapping refreshes without a deadlock', async () => {
  const project = await test.aProject(150);
  test.scriptNumberedResponses(project.tokenIds);
  await Promise.all(Array.from({ length: 4 }, () => test.startProcess('worker')));

  const some = () => project.tokenIds.toSorted(() => Math.random() - 0.5).slice(0, 75);
  const overlapping = [project.tokenIds, ...Array.from({ length: 11 }, some)];
  await Promise.all(overlapping.map((tokenIds) => test.request(api.url, project, tokenIds)));

  await test.expectAllDone();
  expectFetchesApart(project.tokenIds);
});

it('processes whose clocks are ten minutes fast or slow follow the clock of the database [H22]', async () => {
  const [project, plain] = [await test.aProject(60), await test.aProject(60)];
  test.scriptMixedResponses(project.tokenIds);
  test.scriptNumberedResponses(plain.tokenIds);
  const skewed = (minutes: number) => [
    '--import',
    `data:text/javascript,const now = Date.now; Date.now = () => now() + ${minutes * 60_000};`,
  ];
  const early = await test.startProcess('all', skewed(-10));
  await test.startProcess('worker', skewed(10));
  await test.startProcess('worker');

  await test.request(early.url, project, project.tokenIds);
  await test.request(early.url, plain, plain.tokenIds);

  await test.expectAllDone();
  expectFetchesApart([...project.tokenIds, ...plain.tokenIds]);
  expect(plain.tokenIds.map((tokenId) => test.metadataApi.hits.get(tokenId))).toEqual(plain.tokenIds.map(() => 1));
  await early.end('SIGKILL');
});

it('a refresh with every response of a misbehaving host completes, although the worker is killed in the middle', async () => {
  prepareBombs();
  // Redirects are requests too, and no claims, and so is a kept connection that is dialled again: left to other suites.
  const asksAgain = ['responds once on each connection', 'closes immediately'];
  const names = (Object.keys(behaviours) as Behaviour[]).filter(
    (name) => !name.includes('redirect') && !asksAgain.includes(name),
  );
  const project = await test.aProject(names.length + 40);
  const good = project.tokenIds.slice(names.length);
  names.forEach((name, index) => test.metadataApi.misbehave(project.tokenIds[index]!, name));
  const worker = await test.startProcess('worker');
  await test.request(api.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));

  await worker.end('SIGKILL');
  await test.startProcess('worker');
  await test.expireLeases();

  await test.expectAllDone();
  const failed = await test.database.query(
    `select from nft_metadata.refresh_errors as error
     where refresh_id = $1 and (token_id = any($2::numeric[]) or reason in ('worker_lost', 'not_storable'))`,
    [test.accepted.at(-1)!.refreshId, good],
  );
  expect(failed).toEqual([]);
});

it('ten tokens of one project do not wait for three thousand of another whose host hangs [H13]', async () => {
  const [patient, hurried] = [await test.aProject(3000), await test.aProject(10)];
  for (const tokenId of patient.tokenIds) test.metadataApi.misbehave(tokenId, 'hangs');
  await test.startProcess('worker');
  await test.request(api.url, patient, patient.tokenIds);
  await waitUntil(() => test.metadataApi.hits.has(patient.tokenIds[0]!));

  const startedAt = performance.now();
  const refreshId = await test.request(api.url, hurried, hurried.tokenIds);
  await waitUntil(() => test.isCompleted(refreshId));

  expect(performance.now() - startedAt).toBeLessThan(10_000);
});
