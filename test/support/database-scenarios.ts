import { delay, waitUntil, type CrashProject, type CrashTest } from './crash-test.js';
import type { PostgresServer } from './postgres-server.js';
import type { ServiceProcess } from './service-process.js';

export interface Services {
  api: ServiceProcess;
  workers: readonly ServiceProcess[];
}

/** Kills the server under load, and restarts it after an outage. */
export async function killDatabase(
  test: CrashTest,
  server: PostgresServer,
  services: Services,
  { signal, outageMs }: { signal: 'SIGQUIT' | 'SIGKILL'; outageMs: number },
): Promise<void> {
  await loseDatabase(test, services, {
    lose: () => server.kill(signal),
    async restore(project) {
      await delay(outageMs);
      await expectDatabaseUnavailable(test, services, project);
      await server.restart();
    },
  });
}

/**
 * Loses the database under load, while refreshes are being accepted. Clients get a 503, and nothing is lost of what was accepted
 * before.
 */
export async function loseDatabase(
  test: CrashTest,
  services: Services,
  { lose, restore }: { lose: () => Promise<void>; restore: (project: CrashProject) => Promise<void> },
): Promise<void> {
  const { api } = services;
  const project = await test.aProject(100);
  const good = await test.scriptMixedResponsesAfterSuccess(api.url, project);
  await test.request(api.url, project, project.tokenIds);
  const refused = requestUntilRefused(test, api.url, project);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.get(tokenId)! > 1));
  const accepted = test.accepted.length;
  await delay(Math.random() * 1000);
  await waitUntil(() => test.accepted.length > accepted);

  await lose();
  expect((await refused).status).toBe(503);
  await expectDatabaseUnavailable(test, services, project);
  await restore(project);

  await expectRecovered(test, services);
  await test.request(api.url, project, project.tokenIds.slice(0, 100));
  await test.expireLeases();
  await test.expectAllDone();
  expect(good).not.toEqual([]);
  expect(await test.failingDocuments(project, 'stale')).toEqual(good);
}

/**
 * Sends requests sequentially, at most 20 per second, until one is refused. The rate limits the number of accepted tokens, which
 * the test has to refresh later. Returns the first response that is not a 202.
 */
async function requestUntilRefused(test: CrashTest, url: string, project: CrashProject): Promise<Response> {
  const response = await test.post(url, project, project.tokenIds.slice(0, 20));
  if (response.status !== 202) return response;
  await delay(50);
  return requestUntilRefused(test, url, project);
}

/** During an outage of the database, processes keep running, and clients get a 503 with `retry-after`. */
export async function expectDatabaseUnavailable(
  test: CrashTest,
  { api, workers }: Services,
  project: CrashProject,
): Promise<void> {
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

/** Services recover without a restart, and a new refresh completes before lost leases expire. */
export async function expectRecovered(test: CrashTest, { api, workers }: Services): Promise<void> {
  const isReady = async (service: ServiceProcess) => (await test.readiness(service)) === 200;
  await waitUntil(async () => (await Promise.all([api, ...workers].map(isReady))).every(Boolean), 20_000);
  const project = await test.aProject(1);
  const refreshId = await test.request(api.url, project, project.tokenIds);
  await waitUntil(() => test.isCompleted(refreshId), 10_000);
  expectAlive({ api, workers });
}

function expectAlive({ api, workers }: Services): void {
  expect([api, ...workers].map(({ process }) => process.exitCode ?? process.signalCode)).toEqual(
    [api, ...workers].map(() => null),
  );
}
