import { pass, until, type CrashProject, type CrashTest } from './crash-test.js';
import type { PostgresServer } from './postgres-server.js';
import type { ServiceProcess } from './service-process.js';

export interface Services {
  api: ServiceProcess;
  workers: readonly ServiceProcess[];
}

/** The server is killed while all are busy and refreshes are being accepted, and comes back after a while. */
export async function killDatabase(
  test: CrashTest,
  server: PostgresServer,
  { api, workers }: Services,
  { signal, awayForMs }: { signal: 'SIGQUIT' | 'SIGKILL'; awayForMs: number },
): Promise<void> {
  const project = await test.aProject(100);
  const good = await test.mixLaterResponses(api.url, project);
  await test.request(api.url, project, project.tokenIds);
  const refused = askUntilRefused(test, api.url, project);
  await until(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.get(tokenId)! > 1));
  const accepted = test.accepted.length;
  await pass(Math.random() * 1000);
  await until(() => test.accepted.length > accepted);

  await server.kill(signal);
  expect((await refused).status).toBe(503);
  await expectAway(test, { api, workers }, project);
  await pass(awayForMs);
  await expectAway(test, { api, workers }, project);
  await server.restart();

  await expectBack(test, { api, workers });
  await test.request(api.url, project, project.tokenIds.slice(0, 100));
  await test.outliveLeases();
  await test.expectAllDone();
  expect(good).not.toEqual([]);
  expect(await test.failingDocuments(project, 'stale')).toEqual(good);
}

/**
 * One request after the other, at most twenty a second: all that is accepted has to be refreshed later, and a slow machine
 * would accept more of it. Returns the response that was no 202.
 */
async function askUntilRefused(test: CrashTest, url: string, project: CrashProject): Promise<Response> {
  const response = await test.post(url, project, project.tokenIds.slice(0, 20));
  if (response.status !== 202) return response;
  await pass(50);
  return askUntilRefused(test, url, project);
}

/** What the outside sees while there is no database: nothing ends, and callers are told to come back. */
export async function expectAway(test: CrashTest, { api, workers }: Services, project: CrashProject): Promise<void> {
  for (const service of [api, ...workers]) {
    expect(await test.readiness(service)).toBe(503);
    expect(await (await fetch(`${service.url}/health/live`)).json()).toEqual({ status: 'ok' });
  }
  const refused = await test.post(api.url, project, ['1']);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(await refused.json()).toMatchObject({ code: 'service_unavailable' });
  expectAlive({ api, workers });
}

/** Nobody restarts anything, and who asks now need not wait until the leases of what was lost have run out. */
export async function expectBack(test: CrashTest, { api, workers }: Services): Promise<void> {
  const isReady = async (service: ServiceProcess) => (await test.readiness(service)) === 200;
  await until(async () => (await Promise.all([api, ...workers].map(isReady))).every(Boolean), 20_000);
  const project = await test.aProject(1);
  const refreshId = await test.request(api.url, project, project.tokenIds);
  await until(() => test.isCompleted(refreshId), 10_000);
  expectAlive({ api, workers });
}

function expectAlive({ api, workers }: Services): void {
  expect([api, ...workers].map(({ process }) => process.exitCode ?? process.signalCode)).toEqual(
    [api, ...workers].map(() => null),
  );
}
