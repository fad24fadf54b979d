import { randomBytes } from 'node:crypto';
import { TestClock } from '@app/testing';
import { Client } from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  url: string;
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Moves the clock of this database forward: leases, retry delays and quotas expire. */
  advance(seconds: number): Promise<void>;
  /** Stops the clock of this database until `unfreezeTime`. `advance` still moves it. */
  freezeTime(): Promise<void>;
  unfreezeTime(): Promise<void>;
  /** Simulates an outage: terminates all connections and refuses new ones. */
  refuseConnections(): Promise<void>;
  acceptConnections(): Promise<void>;
  drop(): Promise<void>;
}

/** Creates a migrated database for one suite, on the server of the run or on another one. */
export async function createDatabase(templateUrl = inject('templateUrl')): Promise<TestDatabase> {
  const template = new URL(templateUrl).pathname.slice(1);
  const { url, name, adminUrl, query, drop } = await createFromTemplate(template, templateUrl);
  const clock = await TestClock.install(query);

  return {
    url,
    query,
    advance: (seconds) => clock.advance(seconds),
    freezeTime: () => clock.freeze(),
    unfreezeTime: () => clock.unfreeze(),
    async refuseConnections() {
      await run(adminUrl, `alter database ${name} allow_connections false`);
      await run(adminUrl, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    },
    async acceptConnections() {
      await run(adminUrl, `alter database ${name} allow_connections true`);
    },
    drop,
  };
}

/** Creates an empty database with the real clock, for hosts that run migrations themselves. */
export async function createEmptyDatabase(): Promise<Pick<TestDatabase, 'url' | 'query' | 'drop'>> {
  return createFromTemplate('template0');
}

/**
 * One connection for polling, because opening a connection costs more than the query. Queries run one after another. A failed query
 * throws; the next query reconnects if the connection has ended.
 */
export class ReconnectingClient {
  private client: Promise<Client> | undefined;

  constructor(private readonly url: string) {}

  async query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    this.client ??= this.connect();
    return (await (await this.client).query(text, values)).rows as Row[];
  }

  async end(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.then((connected) => connected.end()).catch(() => {});
  }

  private async connect(): Promise<Client> {
    const forget = () => (this.client = undefined);
    return connect(this.url).then(
      (client) => client.once('end', forget),
      (error: unknown) => {
        forget();
        throw error;
      },
    );
  }
}

async function createFromTemplate(template: string, templateUrl = inject('templateUrl')) {
  const name = `suite_${randomBytes(6).toString('hex')}`;
  const url = withDatabase(templateUrl, name);
  const adminUrl = withDatabase(templateUrl, 'postgres');
  await run(adminUrl, `create database ${name} template ${template}`);
  return {
    url,
    name,
    adminUrl,
    query: <Row extends object>(text: string, values?: unknown[]) => run<Row>(url, text, values),
    drop: async () => {
      await run(adminUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function run<Row extends object>(url: string, text: string, values?: unknown[]): Promise<Row[]> {
  const client = await connect(url);
  try {
    const { rows } = await client.query(text, values);
    return rows as Row[];
  } finally {
    await client.end();
  }
}

/** The name of the sessions of tests themselves, in `pg_stat_activity`. */
export const TEST_SESSION = 'test';

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: TEST_SESSION });
  client.on('error', () => {}); // the query fails as well, with the reason
  await client.connect();
  return client;
}
