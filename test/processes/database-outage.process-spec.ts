import { CrashTest, waitUntil } from '../support/crash-test.js';
import {
  expectDatabaseUnavailable,
  expectRecovered,
  killDatabase,
  type Services,
} from '../support/database-scenarios.js';
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';

// A short cut of test/chaos, with the same means: `npm run test:chaos` has the rest, and more rounds.

let server: PostgresServer;
let test: CrashTest;
let line: TcpProxy;
let services: Services;
beforeAll(async () => {
  server = await startPostgresServer([]);
  test = await CrashTest.start(server.templateUrl);
  line = await TcpProxy.start(test.database.url);
  test.databaseUrl = line.throughProxy(test.database.url);
  const all = await test.startProcess('all');
  services = { api: all, workers: [all] };
});
afterAll(async () => {
  await test.stop();
  await line.close();
  await server.remove();
});

it('while PostgreSQL is killed, requests get 503, and nothing is lost when it comes back [H11]', async () => {
  await killDatabase(test, server, services, { signal: 'SIGQUIT', outageMs: 0 });
});

it('while the network to the database drops every packet, requests get 503, and nothing is lost', async () => {
  const project = await test.aProject(60);
  test.scriptMixedResponses(project.tokenIds);
  await test.request(services.api.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));

  line.blackhole();
  await expectDatabaseUnavailable(test, services, project);
  line.forward();

  await expectRecovered(test, services);
  await test.expireLeases();
  await test.expectAllDone();
});

it('an outage of the database is logged without stacks, and refused requests at most once a minute', async () => {
  const project = await test.aProject(1);

  line.refuse();
  await waitUntil(async () => (await test.post(services.api.url, project, project.tokenIds)).status === 503);
  const refused = await Promise.all(
    Array.from({ length: 20 }, () => test.post(services.api.url, project, project.tokenIds)),
  );
  line.forward();
  await expectRecovered(test, services);

  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
  const output = services.api.output();
  expect(output).not.toMatch(/^\s+at |\\n\s*at /m);
  const lines = output.split('\n').filter((text) => text.includes('"msg":"a request failed because'));
  expect(lines.join('\n')).toMatch(
    /"msg":"a request failed because the database is unavailable","error":"[^"]+","retryAfterSeconds":5/,
  );
  // The service has four dialects, one reason each and slow statements; it runs for a few minutes at most.
  expect(lines.length).toBeLessThan(10);
});

it('SIGTERM while the database refuses connections: the process ends in order within ten seconds, and nothing is lost', async () => {
  const project = await test.aProject(60);
  test.scriptMixedResponses(project.tokenIds);
  for (const tokenId of project.tokenIds.slice(0, 8)) test.metadataApi.script(tokenId, { behaviour: 'hangs' });
  await test.request(services.api.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));

  line.refuse();
  const { status, milliseconds } = await services.api.end('SIGTERM');
  line.forward();

  expect(status).toBe(0);
  expect(milliseconds).toBeLessThan(10_000);
  await test.startProcess('worker');
  await test.expireLeases();
  await test.expectAllDone();
});
