import { CrashTest, waitUntil, type CrashProject } from '../support/crash-test.js';
import { expectRecovered, loseDatabase, type Services } from '../support/database-scenarios.js';
import { ReplicatedPostgres } from '../support/replicated-postgres.js';

const MAX_RESUME_MS = 10_000;

// Two servers and three services are started for each test.
vi.setConfig({ testTimeout: 180_000 });

/** An API and two workers, on a primary and its standby. */
async function startAll(replication: Parameters<typeof ReplicatedPostgres.start>[0]) {
  const postgres = await ReplicatedPostgres.start(replication);
  onTestFinished(() => postgres.remove());
  const test = await CrashTest.start(postgres.templateUrl);
  onTestFinished(() => test.stop());
  test.databaseUrl = postgres.serviceUrl(test.database.url);
  const [api, ...workers] = await Promise.all([
    test.startProcess('api'),
    test.startProcess('worker'),
    test.startProcess('worker'),
  ]);
  return { postgres, test, services: { api, workers } };
}

/**
 * Waits until a new refresh is accepted, and then until it is completed. Of a project without other refreshes: a worker does not
 * know the tokens of a claim whose commit failed at the client and not on the standby, and those wait until their lease expires.
 */
async function expectWorkResumed(test: CrashTest, { api }: Services, project: CrashProject): Promise<void> {
  await waitUntil(async () => (await test.post(api.url, project, project.tokenIds)).status === 202);
  const { refreshId } = test.accepted.at(-1)!;
  await waitUntil(() => test.isCompleted(refreshId));
}

it.each([
  ['is killed during a commit', (postgres: ReplicatedPostgres) => postgres.killPrimaryDuringCommit()],
  ['is lost with its machine', (postgres: ReplicatedPostgres) => postgres.losePrimary()],
])(
  'when the primary %s and its synchronous standby is promoted, accepted refreshes are kept, and work resumes within 10 s',
  async (_, lose) => {
    const { postgres, test, services } = await startAll('synchronous');
    const project = await test.aProject(1);
    test.scriptNumberedResponses(project.tokenIds);
    let resumedAfterMs = Infinity;

    await loseDatabase(test, services, {
      lose: () => lose(postgres),
      async restore() {
        await postgres.promote();
        const promotedAt = performance.now();
        await expectWorkResumed(test, services, project);
        resumedAfterMs = performance.now() - promotedAt;
      },
    });

    expect(resumedAfterMs).toBeLessThan(MAX_RESUME_MS);
  },
);

it('an asynchronous standby that is promoted lacks the last refreshes, whose tokens can be requested again', async () => {
  const { postgres, test, services } = await startAll('asynchronous');
  const [kept, lost] = [await test.aProject(20), await test.aProject(20)];
  test.scriptNumberedResponses([...kept.tokenIds, ...lost.tokenIds]);
  const keptId = await test.request(services.api.url, kept, kept.tokenIds);
  await waitUntil(() => test.isCompleted(keptId));

  await postgres.stopReplication();
  test.metadataApi.hold();
  const lostId = await test.request(services.api.url, lost, lost.tokenIds);
  await waitUntil(() => test.metadataApi.heldCount > 0);
  await postgres.killPrimary();
  await postgres.promote();
  test.metadataApi.releaseHeld();
  await expectRecovered(test, services);
  const again = await test.request(services.api.url, lost, lost.tokenIds);
  await waitUntil(() => test.isCompleted(again));

  const read = async (refreshId: string, { apiKey }: CrashProject) => {
    const url = `${services.api.url}/v1/metadata-refreshes/${refreshId}`;
    const response = await fetch(url, { headers: { 'x-api-key': apiKey } });
    return [response.status, await response.json()];
  };
  expect(await read(keptId, kept)).toMatchObject([200, { summary: { succeeded: 20 } }]);
  expect(await read(lostId, lost)).toMatchObject([404, { code: 'refresh_not_found' }]);
  expect(await read(again, lost)).toMatchObject([200, { summary: { succeeded: 20 } }]);
  expect(await test.countPending()).toBe(0);
});
