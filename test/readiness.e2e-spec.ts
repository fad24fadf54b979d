import { MetadataHost } from '@app/testing';
import { createDatabase, type TestDatabase } from './support/database.js';
import { startServiceProcess, type ServiceProcess } from './support/service-process.js';
import { TcpProxy } from './support/tcp-proxy.js';

let database: TestDatabase;
let metadataApi: MetadataHost;
let line: TcpProxy;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
  line = await TcpProxy.start(database.url);
});
afterAll(async () => {
  await Promise.all([line.close(), metadataApi.close()]);
  await database.drop();
});

describe.each(['all', 'api', 'worker'] as const)('a process with RUN_MODE=%s', (runMode) => {
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await startServiceProcess({ database: { url: line.throughProxy(database.url) }, metadataApi }, runMode);
  });
  afterAll(() => service.end('SIGKILL'));

  /** Nothing but these requests reaches the process. Two seconds are promised; one more is for a busy machine. */
  const ready = async () => {
    const response = await fetch(`${service.url}/health/ready`, { signal: AbortSignal.timeout(3000) });
    return { status: response.status, body: await response.json() };
  };
  const away = { status: 503, body: { code: 'not_ready', message: 'the database does not respond' } };

  it('a process is ready after the start, in every run mode and without any other request', async () => {
    expect(await ready()).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it.each(['refuse', 'blackhole'] as const)(
    'a process is not ready while the database is unreachable (%s), and ready again without a restart',
    async (way) => {
      line[way]();
      const meanwhile = [await ready(), await ready()];
      line.forward();
      await vi.waitUntil(async () => (await ready()).status === 200, { timeout: 20_000 });

      expect(meanwhile).toEqual([away, away]);
    },
  );

  it('a process is not ready while the database accepts no connections, and ready again without a restart', async () => {
    await database.refuseConnections();
    const meanwhile = await ready();
    await database.acceptConnections();
    await vi.waitUntil(async () => (await ready()).status === 200, { timeout: 20_000 });

    expect(meanwhile).toEqual(away);
  });
});
