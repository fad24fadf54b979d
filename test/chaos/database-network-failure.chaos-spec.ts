import { CrashTest, delay, rounds, waitUntil } from '../support/crash-test.js';
import { expectDatabaseUnavailable, expectRecovered, type Services } from '../support/database-scenarios.js';
import { TcpProxy } from '../support/tcp-proxy.js';

let test: CrashTest;
let line: TcpProxy;
let services: Services;
beforeAll(async () => {
  test = await CrashTest.start();
  line = await TcpProxy.start(test.database.url);
  test.databaseUrl = line.throughProxy(test.database.url);
  const [api, ...workers] = await Promise.all([
    test.startProcess('api'),
    test.startProcess('worker'),
    test.startProcess('worker'),
  ]);
  services = { api, workers };
});
afterAll(async () => {
  await test.stop();
  await line.close();
});

/** Some work that is under way. */
async function begin(tokens: number) {
  const project = await test.aProject(tokens);
  test.scriptMixedResponses(project.tokenIds);
  await test.request(services.api.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
  return project;
}

async function expectAllDoneAfterAll(): Promise<void> {
  await expectRecovered(test, services);
  await test.expireLeases();
  await test.expectAllDone();
}

const each = rounds(1);

describe.each(each)('round %i: connections to the database', () => {
  it('a connection to the database whose packets are lost for half a minute delays no request for longer', async () => {
    const project = await begin(300);

    line.blackhole();
    await expectDatabaseUnavailable(test, services, project);
    await delay(25_000);
    await expectDatabaseUnavailable(test, services, project);
    line.forward();

    await expectAllDoneAfterAll();
  });

  it('a connection to the database that a proxy has dropped silently is closed, and replaced by another one [H11]', async () => {
    await begin(300);

    line.blackholeExisting();

    await expectRecovered(test, services);
    await begin(100);
    await expectAllDoneAfterAll();
  });

  it('a connection to the database that is refused is retried fewer than five times a second by each process', async () => {
    const project = await begin(300);

    line.refuse();
    await expectDatabaseUnavailable(test, services, project);
    await delay(2000);
    const [before, from] = [line.connections, performance.now()];
    await delay(10_000);
    const perSecond = (line.connections - before) / ((performance.now() - from) / 1000);
    line.forward();

    expect(perSecond / [services.api, ...services.workers].length).toBeLessThan(5);
    await expectAllDoneAfterAll();
  });
});

it.each(each)(
  'round %i: sessions that are terminated at random, five a second, delay the work and lose none of it',
  async () => {
    const project = await begin(400);

    for (let time = 0; time < 75; time += 1) {
      await test.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() order by random() limit 1`,
      );
      if (time % 15 === 14) await test.post(services.api.url, project, project.tokenIds.slice(0, 100));
      await delay(200);
    }

    await expectAllDoneAfterAll();
  },
);

it('a worker with claimed tokens whose heartbeat fails continues when the database is back', async () => {
  await Promise.all(services.workers.map((worker) => worker.end('SIGKILL')));
  const projects = await Promise.all(Array.from({ length: 12 }, () => test.aProject(40)));
  for (const project of projects) {
    test.scriptNumberedResponses(project.tokenIds);
    await test.request(services.api.url, project, project.tokenIds);
  }
  const shares = await test.holdLock('lock table nft_metadata.host_workers in exclusive mode');
  services = { ...services, workers: [await test.startProcess('worker')] };
  await shares.reached();
  const claimed = await test.invariants.claimedTokens();

  await shares.terminateWaiting();
  await shares.release();

  expect(claimed.length).toBeGreaterThan(0);
  await test.expectAllDone();
});
