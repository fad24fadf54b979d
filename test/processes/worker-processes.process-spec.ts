import { spawnSync } from 'node:child_process';
import { CrashTest, waitUntil } from '../support/crash-test.js';
import { runServiceToItsEnd, type ServiceProcess } from '../support/service-process.js';
import { runningAmong, workerPids } from '../support/worker-pids.js';

/** More than the concurrency of a host, so that the rest is not claimed yet. */
const TOKENS = 30;

let test: CrashTest;
let service: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
});
afterAll(() => test.stop());

const startTwo = () => test.startProcess('all', [], { WORKERS: '2' });
const pidsOf = () => [...workerPids(service).values()].flat();
const firstPid = (worker: number) => workerPids(service).get(worker)![0]!;
const readMetrics = async () => (await fetch(`${service.url}/metrics`)).text();

/** The number of requests to metadata hosts that each worker has made. */
async function requestsByWorker(): Promise<Record<string, number>> {
  const requests: Record<string, number> = {};
  for (const [, labels, count] of (await readMetrics()).matchAll(
    /^nft_refresh_metadata_requests_total\{(.*)\} (\d+)$/gm,
  )) {
    const worker = /worker="(\d+)"/.exec(labels!)?.[1] ?? 'none';
    requests[worker] = (requests[worker] ?? 0) + Number(count);
  }
  return requests;
}

async function readReadiness(): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${service.url}/health/ready`);
  return { status: response.status, body: await response.json() };
}

/** A refresh whose requests to the metadata host get no response. Waits for the first ones. */
async function aRefreshInFlight(): Promise<readonly string[]> {
  const { tokenIds, ...project } = await test.aProject(TOKENS);
  for (const tokenId of tokenIds) test.metadataApi.misbehave(tokenId, 'hangs');
  await test.request(service.url, project, tokenIds);
  await waitUntil(() => tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
  return tokenIds;
}

/** From now on, the metadata host responds. */
function respond(tokenIds: readonly string[]): void {
  for (const tokenId of tokenIds) test.metadataApi.respond(tokenId, 200, { name: tokenId });
}

/** What the worker processes have released is due at once. */
async function expectReleased(tokenIds: readonly string[]): Promise<void> {
  expect(await test.invariants.claimedTokens()).toEqual([]);
  respond(tokenIds);
  await test.app.worker.runOnce();
  await test.expectAllDone();
}

describe('worker processes', () => {
  beforeAll(async () => {
    service = await startTwo();
  });
  afterAll(() => service.end('SIGTERM'));

  it('a service with WORKERS=2 processes one refresh in both processes, within the limit of the host', async () => {
    const project = await test.aProject(600);
    test.scriptNumberedResponses(project.tokenIds, 100);
    test.metadataApi.maxConcurrent = 0;

    const refreshId = await test.request(service.url, project, project.tokenIds);
    await waitUntil(() => test.isCompleted(refreshId));

    const requests = await requestsByWorker();
    expect(requests).toEqual({ 1: expect.any(Number), 2: expect.any(Number) });
    expect(requests['1']! + requests['2']!).toBe(600);
    expect(test.metadataApi.maxConcurrent).toBe(8);
    await test.expectAllDone();
  });

  it('a service with WORKERS=2 has two more processes, which name themselves in their log and have metrics of their own', async () => {
    const lines = service
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { pid: number; worker?: number });
    const metrics = await readMetrics();

    expect(runningAmong(pidsOf())).toHaveLength(2);
    expect(new Set(lines.map(({ pid, worker }) => `${pid} ${worker}`))).toEqual(
      new Set([`${service.process.pid} undefined`, `${firstPid(1)} 1`, `${firstPid(2)} 2`]),
    );
    expect(metrics).toMatch(/^process_start_time_seconds [0-9.]+$/m);
    expect(metrics).toMatch(/^process_start_time_seconds\{worker="2"\} [0-9.]+$/m);
    expect(metrics).toContain('nft_refresh_worker_processes{state="running"} 2');
  });
});

describe('the end of worker processes', () => {
  beforeEach(async () => {
    service = await startTwo();
  });
  afterEach(() => service.end('SIGTERM'));

  it('after a SIGTERM to a service with WORKERS=2, its workers release what they hold, all its processes end, and its status is 0', async () => {
    const tokenIds = await aRefreshInFlight();
    const pids = pidsOf();

    const { status, milliseconds } = await service.end('SIGTERM');

    expect(status).toBe(0);
    expect(milliseconds).toBeLessThan(10_000);
    expect(runningAmong(pids)).toEqual([]);
    await expectReleased(tokenIds);
  });

  it('after a SIGINT to all processes of a service with WORKERS=2, as from a terminal, its workers release what they hold, and its status is 0', async () => {
    const tokenIds = await aRefreshInFlight();
    const pids = pidsOf();

    for (const pid of pids) process.kill(pid, 'SIGINT');
    service.process.kill('SIGINT');
    const { status } = await service.end('SIGTERM');

    expect(status).toBe(0);
    expect(runningAmong(pids)).toEqual([]);
    await expectReleased(tokenIds);
  });

  it('after a SIGTERM, a service with WORKERS=2 kills a worker that is suspended, and ends within ten seconds', async () => {
    const pids = pidsOf();
    process.kill(firstPid(1), 'SIGSTOP');

    const { status, milliseconds } = await service.end('SIGTERM');

    expect(status).toBe(0);
    expect(milliseconds).toBeLessThan(10_000);
    expect(runningAmong(pids)).toEqual([]);
  });

  it('after a SIGKILL of a service with WORKERS=2, its workers release what they hold and end', async () => {
    const tokenIds = await aRefreshInFlight();
    const pids = pidsOf();

    await service.end('SIGKILL');
    await waitUntil(() => runningAmong(pids).length === 0, 15_000);

    await expectReleased(tokenIds);
  });

  it('after a SIGKILL of one of two workers, the other one processes its tokens, and the service starts it again', async () => {
    process.kill(firstPid(2), 'SIGSTOP');
    const tokenIds = await aRefreshInFlight();

    process.kill(firstPid(1), 'SIGKILL');
    respond(tokenIds);
    process.kill(firstPid(2), 'SIGCONT');
    await test.expireLeases();
    await test.expectAllDone();
    await waitUntil(() => workerPids(service).get(1)!.length === 2);

    expect((await requestsByWorker())['2']).toBeGreaterThan(0);
    expect(service.output()).toMatch(
      /"msg":"worker process ended; it will be restarted","worker":1,"pid":\d+,"exitCode":null,"signal":"SIGKILL","retryInSeconds":1\}/,
    );
    expect(runningAmong(pidsOf())).toHaveLength(2);
  });

  it('a worker that crashes again is started again after twice as long, and one that crashes for the first time after a second', async () => {
    const starts = (worker: number) => workerPids(service).get(worker)!;
    const delays = (worker: number) =>
      [...service.output().matchAll(/"worker":(\d),.*"retryInSeconds":(\d+)/g)]
        .filter(([, number]) => Number(number) === worker)
        .map(([, , seconds]) => Number(seconds));
    const crash = async (worker: number) => {
      const before = delays(worker).length;
      process.kill(starts(worker).at(-1)!, 'SIGKILL');
      await waitUntil(() => delays(worker).length > before);
    };

    await crash(1);
    await waitUntil(() => starts(1).length === 2);
    await crash(1);
    await crash(2);
    await waitUntil(() => starts(1).length === 3 && starts(2).length === 2);

    expect([delays(1), delays(2)]).toEqual([[1, 2], [1]]);
    expect(runningAmong(pidsOf())).toHaveLength(2);
  });

  it('a service whose workers are all killed is not ready until they run again', async () => {
    for (const pid of pidsOf()) process.kill(pid, 'SIGKILL');
    await waitUntil(async () => (await readReadiness()).status !== 200);

    const meanwhile = await readReadiness();
    await waitUntil(async () => (await readReadiness()).status === 200);

    expect(meanwhile).toEqual({ status: 503, body: { code: 'not_ready', message: 'no worker process runs' } });
  });
});

it.each(['0', '-1', 'x'])('a service with WORKERS=%s does not start, and says why', async (WORKERS) => {
  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: test.database.url, WORKERS });

  expect(err).toBe(`WORKERS must be a whole number from 1 to 128; it is "${WORKERS}"\n`);
  expect(status).toBe(1);
});

it('a service whose worker processes cannot start does not start, and says why', async () => {
  const failing = 'data:text/javascript,if(process.channel)process.exit(7)';

  const { status, err } = await runServiceToItsEnd({
    DATABASE_URL: test.database.url,
    WORKERS: '2',
    NODE_OPTIONS: `--import="${failing}"`,
  });

  expect(err).toMatch(/^Worker process [12] cannot start: it ended with status 7\.\n$/);
  expect(status).toBe(1);
});

it('a service with RUN_MODE=api warns that WORKERS has no effect, and starts no worker process', async () => {
  const api = await test.startProcess('api', [], { WORKERS: '2' });

  expect(api.output()).toContain('WORKERS has no effect with RUN_MODE=api, which runs no worker');
  expect(childrenOf(api.process.pid!)).toEqual([]);
  await api.end('SIGTERM');
});

it('a service with WORKERS=1 starts no process', async () => {
  const one = await test.startProcess('all', [], { WORKERS: '1' });

  expect(childrenOf(one.process.pid!)).toEqual([]);
  await one.end('SIGTERM');
});

function childrenOf(parent: number): string[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.trim().startsWith(`${parent} `));
}
