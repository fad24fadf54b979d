import { spawnSync } from 'node:child_process';
import { CrashTest, waitUntil } from './support/crash-test.js';
import { runServiceToItsEnd, type ServiceProcess } from './support/service-process.js';
import { runningAmong, workerPids } from './support/worker-pids.js';

/** More than the concurrency of a host, so that the rest is not claimed yet. */
const TOKENS = 30;

let test: CrashTest;
let service: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
});
beforeEach(async () => {
  service = await test.startProcess('all', [], { WORKERS: '2' });
});
afterEach(() => service.end('SIGTERM'));
afterAll(() => test.stop());

const pidsOf = () => [...workerPids(service).values()].flat();
const firstPid = (worker: number) => workerPids(service).get(worker)![0]!;

/** The number of requests to metadata hosts that each worker has made, according to `/metrics`. */
async function requestsByWorker(): Promise<Record<string, number>> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const requests: Record<string, number> = {};
  for (const [, labels, count] of text.matchAll(/^nft_refresh_metadata_requests_total\{(.*)\} (\d+)$/gm)) {
    const worker = /worker="(\d+)"/.exec(labels!)?.[1] ?? 'none';
    requests[worker] = (requests[worker] ?? 0) + Number(count);
  }
  return requests;
}

async function ready(): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${service.url}/health/ready`);
  return { status: response.status, body: await response.json() };
}

/** A refresh whose first requests get no response; the next ones do. Waits for the first ones. */
async function aRefreshInFlight(): Promise<void> {
  const project = await test.aProject(TOKENS);
  for (const tokenId of project.tokenIds) {
    test.metadataApi.script(tokenId, { behaviour: 'hangs' }, { status: 200, body: { name: tokenId } });
  }
  await test.request(service.url, project, project.tokenIds);
  await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
}

describe('a service with WORKERS=2', () => {
  it('processes one refresh in both processes, within the limit of the host', async () => {
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

  it('has two more processes, which name themselves in their log and in metrics of their own', async () => {
    const lines = service
      .output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { pid: number; worker?: number; message: unknown });
    const metrics = await (await fetch(`${service.url}/metrics`)).text();

    expect(runningAmong(pidsOf())).toHaveLength(2);
    expect(lines.filter(({ worker }) => worker === 2).map(({ pid }) => pid)).toContain(firstPid(2));
    expect(lines.filter(({ worker }) => worker === undefined).map(({ pid }) => pid)).not.toContain(firstPid(2));
    expect(metrics).toMatch(/^process_start_time_seconds [0-9.]+$/m);
    expect(metrics).toMatch(/^process_start_time_seconds\{worker="2"\} [0-9.]+$/m);
    expect(metrics).toContain('nft_refresh_worker_processes{state="running"} 2');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'releases what its workers hold and ends with status 0 after a %s to all its processes, which leaves none behind',
    async (signal) => {
      await aRefreshInFlight();
      const pids = pidsOf();

      for (const pid of pids) process.kill(pid, signal);
      service.process.kill(signal);
      const { status } = await service.end('SIGTERM');

      expect(status).toBe(0);
      expect(runningAmong(pids)).toEqual([]);
      expect(await test.invariants.claimedItems()).toEqual([]);
    },
  );

  it('releases what its workers hold and ends with status 0 after a SIGTERM to itself', async () => {
    await aRefreshInFlight();
    const pids = pidsOf();

    const { status, milliseconds } = await service.end('SIGTERM');

    expect(status).toBe(0);
    expect(milliseconds).toBeLessThan(10_000);
    expect(runningAmong(pids)).toEqual([]);
    expect(await test.invariants.claimedItems()).toEqual([]);
  });

  it('ends within ten seconds of a SIGTERM although one of its workers is suspended', async () => {
    const pids = pidsOf();
    process.kill(firstPid(1), 'SIGSTOP');

    const { status, milliseconds } = await service.end('SIGTERM');

    expect(status).toBe(0);
    expect(milliseconds).toBeLessThan(10_000);
    expect(runningAmong(pids)).toEqual([]);
  });

  it('lets the other worker process the tokens of one that is killed, and starts that one again', async () => {
    process.kill(firstPid(2), 'SIGSTOP');
    await aRefreshInFlight();
    const before = await test.countPending();

    process.kill(firstPid(1), 'SIGKILL');
    process.kill(firstPid(2), 'SIGCONT');
    await test.expireLeases();
    await test.expectAllDone();
    await waitUntil(() => workerPids(service).get(1)!.length === 2);

    expect(before).toBe(TOKENS);
    expect((await requestsByWorker())['2']).toBeGreaterThan(0);
    expect(service.output()).toMatch(
      /"msg":"worker process ended, will be started again","worker":1,"pid":\d+,"exitCode":null,"signal":"SIGKILL","retryInSeconds":1\}/,
    );
    expect(runningAmong(pidsOf())).toHaveLength(2);
  });

  it('is not ready while none of its workers runs, and ready again by itself', async () => {
    for (const pid of pidsOf()) process.kill(pid, 'SIGKILL');
    await waitUntil(async () => (await ready()).status !== 200);

    const meanwhile = await ready();
    await waitUntil(async () => (await ready()).status === 200);

    expect(meanwhile).toEqual({ status: 503, body: { code: 'not_ready', message: 'no worker process runs' } });
  });

  it('leaves no process behind when it is killed: its workers release what they hold and end', async () => {
    await aRefreshInFlight();
    const pids = pidsOf();

    await service.end('SIGKILL');
    await waitUntil(() => runningAmong(pids).length === 0, 15_000);

    expect(await test.invariants.claimedItems()).toEqual([]);
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
