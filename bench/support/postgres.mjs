// One PostgreSQL server with its durable defaults, and one database per contender.
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { enterEmbeddedPostgres } from '../../dist/src/database/embedded-postgres.js';
import { onCleanUp } from './clean-up.mjs';
import { cpuSecondsOfTree } from './processes.mjs';

const SETTINGS = [
  'max_connections=300',
  'shared_buffers=1GB',
  'max_wal_size=8GB',
  'shared_preload_libraries=pg_stat_statements',
];

export class Postgres {
  static async start() {
    const folder = mkdtempSync(join(tmpdir(), 'bench-postgres-'));
    chmodSync(folder, 0o755);
    const server = await enterEmbeddedPostgres(folder, SETTINGS);
    const postgres = new Postgres();
    onCleanUp(async () => {
      await postgres.#admin?.end();
      await server.leave();
      await server.remove();
    });
    postgres.#url = await server.databaseUrl('postgres');
    postgres.#admin = new pg.Client({ connectionString: postgres.#url });
    await postgres.#admin.connect();
    await postgres.#admin.query('create extension pg_stat_statements');
    await postgres.#admin.query(`create role observer superuser login password 'observer'`);
    const { rows } = await postgres.#admin.query(
      `select current_setting('data_directory') as data, current_setting('server_version') as version`,
    );
    postgres.version = rows[0].version;
    postgres.#pid = Number(readFileSync(join(rows[0].data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return postgres;
  }

  version = '';
  #url = '';
  #pid = 0;
  #admin;

  /** CPU time of all server processes. */
  cpuSeconds() {
    return cpuSecondsOfTree(this.#pid);
  }

  async createDatabase(name, template = 'template1') {
    await this.#admin.query(`create database ${name} template ${template}`);
    const { rows } = await this.#admin.query('select oid from pg_database where datname = $1', [name]);
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return Database.open(this.#admin, name, rows[0].oid, url.href);
  }
}

/** A database and an observer connection. The observer has its own role, so that its statements are not counted. */
class Database {
  static async open(admin, name, id, url) {
    const observerUrl = new URL(url);
    observerUrl.username = observerUrl.password = 'observer';
    const observer = new pg.Client({ connectionString: observerUrl.href });
    await observer.connect();
    const database = new Database(admin, name, id, url, observer);
    onCleanUp(() => database.drop());
    return database;
  }

  #admin;
  #id;
  #observer;
  #isDropped = false;

  constructor(admin, name, id, url, observer) {
    this.#admin = admin;
    this.#id = id;
    this.#observer = observer;
    this.name = name;
    this.url = url;
  }

  async query(text, values) {
    return (await this.#observer.query(text, values)).rows;
  }

  /** Vacuum, analyze and checkpoint now, so that they do not run during a measurement. */
  async vacuum() {
    await this.#observer.query('vacuum (analyze)');
    await this.#observer.query('checkpoint');
  }

  async resetStatements() {
    await this.#admin.query(`select pg_stat_statements_reset(0, $1, 0)`, [this.#id]);
  }

  /** Statements since `resetStatements`, including begin and commit, by descending execution time. */
  async statements() {
    const { rows } = await this.#admin.query(
      `select query, calls::int, total_exec_time as milliseconds from pg_stat_statements
       where dbid = $1 and userid <> 'observer'::regrole
         -- the server's queries that check foreign keys
         and query !~ '^SELECT .* FROM ONLY .* FOR KEY SHARE OF x$'
       order by total_exec_time desc`,
      [this.#id],
    );
    return rows;
  }

  async drop() {
    if (this.#isDropped) return;
    this.#isDropped = true;
    await this.#observer.end();
    await this.#admin.query(`drop database ${this.name} with (force)`);
  }
}
