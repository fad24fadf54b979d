import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MetadataHost } from '@app/testing';
import { enterEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { createEmptyDatabase } from '../support/database.js';
import { findFreePort } from '../support/host-process.js';
import { runServiceToItsEnd, startServiceProcess } from '../support/service-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const CLI = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let folder: string;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nft-refresh-start-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Running {
  out(): string;
  err(): string;
  ended: Promise<number | null>;
  stop(): void;
}

/** A program of ours in a folder of its own. */
function run(args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const child = spawn(process.execPath, [...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  return {
    out: () => out,
    err: () => err,
    ended: once(child, 'close').then(() => child.exitCode),
    stop: () => child.kill('SIGTERM'),
  };
}

const lines = (output: string) =>
  output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { level: string; message: Record<string, unknown> });

it('a service waits for a database that comes later, and says once what it waits for', async () => {
  const line = await TcpProxy.start(database.url);
  line.refuse();
  const url = line.throughProxy(database.url);
  const service = run([MAIN], { DATABASE_URL: url });

  await vi.waitUntil(() => line.connections > 3, { timeout: 30_000 });
  line.forward();
  await vi.waitUntil(() => service.out().includes('"msg":"ready"'), { timeout: 30_000 });
  service.stop();
  const status = await service.ended;
  await line.close();

  const waiting = lines(service.out()).filter(({ message }) => message['msg'] === 'waiting for the database');
  const { host, pathname } = new URL(url);
  expect(waiting.map(({ message }) => message)).toEqual([
    { msg: 'waiting for the database', database: host + pathname, waitSeconds: 60, error: expect.any(String) },
  ]);
  expect(status).toBe(0);
});

it('a service does not wait longer than DATABASE_WAIT_SECONDS, and ends with one sentence', async () => {
  const port = await findFreePort();

  const { status, out, err } = await runServiceToItsEnd({
    DATABASE_URL: `postgres://user:hunter2@127.0.0.1:${port}/shop`,
    DATABASE_WAIT_SECONDS: '1',
  });

  expect(status).toBe(1);
  expect(out).toContain('waiting for the database');
  expect(err).toBe(
    `The database at 127.0.0.1:${port}/shop did not respond within 1 seconds (DATABASE_WAIT_SECONDS): connect ECONNREFUSED 127.0.0.1:${port}.\n`,
  );
});

it.each(['connect_timeout=0', 'connect_timeout=600'])(
  'a service does not wait longer than DATABASE_WAIT_SECONDS for a silent database, also with %s',
  async (parameter) => {
    const proxies = await Promise.all([TcpProxy.start(database.url), TcpProxy.start(database.url)]);
    for (const proxy of proxies) proxy.blackhole();
    const hosts = proxies.map((proxy) => new URL(proxy.throughProxy(database.url)).host);
    const { host, href } = new URL(database.url);
    const started = performance.now();

    const { status, out, err } = await runServiceToItsEnd({
      DATABASE_URL: `${href.replace(host, hosts.join(','))}?${parameter}`,
      DATABASE_WAIT_SECONDS: '2',
    });

    const seconds = (performance.now() - started) / 1000;
    await Promise.all(proxies.map((proxy) => proxy.close()));
    expect(status).toBe(1);
    expect(err).toMatch(/^The database at \S+ did not respond within 2 seconds \(DATABASE_WAIT_SECONDS\): [^\n]+\.\n$/);
    expect(out.match(/waiting for the database/g)).toHaveLength(1);
    expect(seconds).toBeLessThan(12);
  },
);

it('with DATABASE_WAIT_SECONDS=0 an available database is used, and an unavailable one is not waited for', async () => {
  const command = run([CLI, 'webhook', 'list'], { DATABASE_URL: database.url, DATABASE_WAIT_SECONDS: '0' });
  const { status, err } = await runServiceToItsEnd({
    DATABASE_URL: `postgres://user@127.0.0.1:${await findFreePort()}/shop`,
    DATABASE_WAIT_SECONDS: '0',
  });

  expect({ status: await command.ended, err: command.err() }).toEqual({ status: 0, err: '' });
  expect(status).toBe(1);
  expect(err).toMatch(/^The database at \S+ did not respond within 0 seconds/);
});

it.each([
  [
    'a database that does not exist',
    () => new URL('/nowhere', database.url).href,
    /nowhere does not exist\. Create it, or correct DATABASE_URL/,
  ],
  [
    'a wrong password',
    () => database.url.replace(/:[^:@]+@/, ':hunter2@'),
    /refuses the connection: password authentication failed/,
  ],
  [
    'no password',
    () => database.url.replace(/:[^:@]+@/, '@'),
    /DATABASE_URL has no password, and the server at \S+ asks for one/,
  ],
])('with %s nothing waits: the service and the command line end with one sentence', async (_, url, sentence) => {
  const service = await runServiceToItsEnd({ DATABASE_URL: url() });
  const command = run([CLI, 'webhook', 'list'], { DATABASE_URL: url() });

  expect(service).toEqual({ status: 1, out: '', err: expect.stringMatching(sentence) });
  expect(service.err.trim().split('\n')).toHaveLength(1);
  expect(await command.ended).toBe(1);
  expect(command.err()).toBe(`error: ${service.err}`);
  expect(service.err).not.toContain('hunter2');
  expect(await database.query(`select from pg_database where datname = 'nowhere'`)).toEqual([]);
});

it('the command line waits for the database as well, and says so beside what it prints', async () => {
  const line = await TcpProxy.start(database.url);
  line.refuse();
  const command = run([CLI, 'webhook', 'list', '--json'], { DATABASE_URL: line.throughProxy(database.url) });

  await vi.waitUntil(() => line.connections > 3, { timeout: 30_000 });
  line.forward();
  const status = await command.ended;
  await line.close();

  expect({ status, out: command.out() }).toEqual({ status: 0, out: '{"webhooks":[]}\n' });
  expect(command.err()).toMatch(/^waiting up to 60 seconds for the database at 127\.0\.0\.1:\d+\/\w+: .+\n$/);
});

it('the command line says that it has created a database, the first time only', async () => {
  const first = run([CLI, 'webhook', 'list'], {});
  const firstStatus = await first.ended;
  const second = run([CLI, 'webhook', 'list'], {});
  const secondStatus = await second.ended;

  expect([firstStatus, secondStatus]).toEqual([0, 0]);
  expect(first.err()).toBe(
    `DATABASE_URL is not set: a new, empty database was created in ${join(folder, '.data/postgres')}\n`,
  );
  expect(second.err()).toBe('');
});

it.each([
  [
    'a folder that is there already, such as a mounted volume',
    () => mkdir(join(folder, '.data/postgres'), { recursive: true }),
  ],
  [
    'a folder of a first start that was interrupted before there was a database',
    async () => {
      const server = await enterEmbeddedPostgres(join(folder, '.data/postgres'));
      await server.leave();
    },
  ],
])('the command line says that it has created a database in %s', async (_, prepare) => {
  await prepare();

  const command = run([CLI, 'webhook', 'list'], {});
  const status = await command.ended;

  expect(status).toBe(0);
  expect(command.err()).toBe(
    `DATABASE_URL is not set: a new, empty database was created in ${join(folder, '.data/postgres')}\n`,
  );
});

it('.env in the working directory is read; the variables of the process win', async () => {
  await writeFile(
    join(folder, '.env'),
    `DATABASE_URL=${database.url}\nRUN_MODE=worker\nLOG_LEVEL=debug\nFETCH_ALLOWED_HOSTS=localhost:4000 # ours\n`,
  );
  const service = run([MAIN], { RUN_MODE: 'api' });

  await vi.waitUntil(() => service.out().includes('"msg":"ready"'), { timeout: 30_000 });
  service.stop();
  await service.ended;
  const command = run([CLI, 'webhook', 'list'], {});
  const status = await command.ended;

  expect(lines(service.out()).map(({ message }) => message)).toContainEqual(
    expect.objectContaining({ msg: 'ready', runMode: 'api' }),
  );
  expect({ status, err: command.err() }).toEqual({ status: 0, err: '' });
});

it.each([
  ['is a folder', () => mkdir(join(folder, '.env')), 'is a folder and must be a file'],
  ['cannot be read', () => symlink('.env', join(folder, '.env')), 'cannot be read (ELOOP)'],
])('a .env that %s ends the service and the command line with one line', async (_, make, problem) => {
  await make();

  const [service, command] = [run([MAIN], {}), run([CLI, 'webhook', 'list'], {})];
  const statuses = await Promise.all([service.ended, command.ended]);

  const line = `${join(folder, '.env')} ${problem}. Move it, or start in another working directory.\n`;
  expect({ statuses, err: service.err() }).toEqual({ statuses: [1, 1], err: line });
  expect(command.err()).toBe(`error: ${line}`);
});

describe('health check of the image', () => {
  /** As Docker runs it: by a shell, with the variables of the container. */
  async function healthCheck(port: string): Promise<number | null> {
    const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const [, command] = /^HEALTHCHECK (?:--\S+ |\\\n +)*CMD (.+)$/m.exec(dockerfile)!;
    const child = spawn('sh', ['-c', command!], {
      env: { PATH: `${process.execPath.replace(/[^/]+$/, '')}:${process.env['PATH']}`, PORT: port },
    });
    await once(child, 'close');
    return child.exitCode;
  }

  it.each(['all', 'api', 'worker'] as const)(
    'the health check of the image passes beside a ready process with RUN_MODE=%s, at any PORT',
    async (runMode) => {
      const line = await TcpProxy.start(database.url);
      const metadataApi = await MetadataHost.start();
      const service = await startServiceProcess(
        { database: { url: line.throughProxy(database.url) }, metadataApi },
        runMode,
      );
      const { port } = new URL(service.url);

      const before = await healthCheck(port);
      line.blackhole();
      const away = await healthCheck(port);
      line.forward();
      await vi.waitUntil(async () => (await healthCheck(port)) === 0, { timeout: 20_000 });
      await service.end('SIGTERM');
      const gone = await healthCheck(port);

      expect({ before, away, gone }).toEqual({ before: 0, away: 1, gone: 1 });
      await Promise.all([line.close(), metadataApi.close()]);
    },
  );

  it('the health check of the image allows a container time to wait for its database, and compose restarts what has ended', async () => {
    const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const compose = await readFile(new URL('../../compose.yaml', import.meta.url), 'utf8');

    expect(Number(/--start-period=(\d+)s/.exec(dockerfile)?.[1])).toBeGreaterThan(60);
    expect(compose.match(/^ {4}restart: unless-stopped$/gm)).toHaveLength(2);
  });
});
