import { CrashTest, delay, rounds, waitUntil } from '../support/crash-test.js';
import { expectRecovered, type Services } from '../support/database-scenarios.js';
import { FullDisk } from '../support/full-disk.js';

let test: CrashTest;
let disk: FullDisk;
let services: Services;
beforeAll(async () => {
  test = await CrashTest.start();
  disk = await FullDisk.prepare(test.database);
  const [api, ...workers] = await Promise.all([
    test.startProcess('api'),
    test.startProcess('worker'),
    test.startProcess('worker'),
  ]);
  services = { api, workers };
});
afterAll(async () => test.stop());

async function begin() {
  const project = await test.aProject(80);
  test.scriptMixedResponses(project.tokenIds);
  await test.request(services.api.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
  return project;
}

const finals = async () => {
  const [row] = await test.database.query<{ finals: number }>(
    'select count(*)::int as finals from nft_metadata.refresh_results',
  );
  return row!.finals;
};

const each = rounds(1);

it.each(each)(
  'round %i: with a full disk nothing is accepted or lost, and work continues when there is space',
  async () => {
    const project = await begin();

    await disk.fill();
    const full = await finals();
    const refused = await test.post(services.api.url, project, project.tokenIds.slice(0, 10));
    await delay(5000);
    expect(await finals()).toBe(full);
    await disk.empty();

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    await expectRecovered(test, services);
    await test.expireLeases();
    await test.expectAllDone();
  },
);

it.each(each)(
  'round %i: statement timeouts end no process, and the work completes when the database is faster',
  async () => {
    const name = new URL(test.database.url).pathname.slice(1);
    const newSessions = () =>
      test.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
    const project = await begin();

    // Every statement that writes takes longer than a statement may.
    await test.database.query(`alter database ${name} set statement_timeout = '50ms'`);
    await newSessions();
    const records = await test.holdLock('lock table nft_metadata.refresh_chunks in exclusive mode');
    const refused = await test.post(services.api.url, project, project.tokenIds.slice(0, 10));
    await delay(5000);
    await records.release();
    await test.database.query(`alter database ${name} reset statement_timeout`);
    await newSessions();

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    await expectRecovered(test, services);
    await test.expireLeases();
    await test.expectAllDone();
  },
);
