import { CrashTest, rounds } from '../support/crash-test.js';
import { killDatabase, type Services } from '../support/database-scenarios.js';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;
let test: CrashTest;
let services: Services;
beforeAll(async () => {
  // As it runs in production: a commit is on the disk before it is acknowledged.
  server = await startPostgresServer([]);
  test = await CrashTest.start(server.templateUrl);
  const [api, ...workers] = await Promise.all([
    test.startProcess('api'),
    test.startProcess('worker'),
    test.startProcess('worker'),
  ]);
  services = { api, workers };
});
afterAll(async () => {
  await test.stop();
  await server.remove();
});

const each = rounds(1);

describe.each(each)('round %i: PostgreSQL', () => {
  it.each([
    { signal: 'SIGQUIT', outageMs: 0 },
    { signal: 'SIGKILL', outageMs: 500 },
    { signal: 'SIGQUIT', outageMs: 5000 },
    { signal: 'SIGKILL', outageMs: 5000 },
  ] as const)('a PostgreSQL that is stopped by $signal and down for $outageMs ms loses nothing', async (how) => {
    await killDatabase(test, server, services, how);
  });
});

it('services wait while PostgreSQL is down for half a minute, log little, and continue', async () => {
  const printed = () => services.workers.map((worker) => worker.output().split('\n').length);
  const before = printed();

  await killDatabase(test, server, services, { signal: 'SIGQUIT', outageMs: 30_000 });

  const lines = printed().map((count, index) => count - before[index]!);
  expect(Math.max(...lines)).toBeLessThan(60);
});
