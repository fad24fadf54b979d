import { asAdmin } from './tls-postgres.js';
import { startPostgresServer, type PostgresServer } from './postgres-server.js';
import { TcpProxy } from './tcp-proxy.js';

/**
 * A primary and a hot standby. Services know both hosts. A test reaches the writable one at a single address, as behind a virtual IP,
 * so that its own connections follow the failover.
 */
export class ReplicatedPostgres {
  private constructor(
    private readonly primary: PostgresServer,
    private readonly standby: PostgresServer,
    /** Between the services and the primary, between the two servers, and between the test and the writable server. */
    private readonly lines: Record<'toPrimary' | 'replication' | 'ofTest', TcpProxy>,
  ) {}

  /** `synchronous`: the primary acknowledges no commit before the standby has written it to its disk. */
  static async start(replication: 'synchronous' | 'asynchronous'): Promise<ReplicatedPostgres> {
    const primary = await startPostgresServer([]);
    const line = () => TcpProxy.start(primary.templateUrl);
    const lines = { toPrimary: await line(), replication: await line(), ofTest: await line() };
    const standby = await primary.startStandby(lines.replication.throughProxy(primary.templateUrl));
    await asAdmin(primary, async (client) => {
      if (replication === 'synchronous') {
        await client.query(`alter system set synchronous_standby_names = '*'`);
        await client.query('select pg_reload_conf()');
      }
      const syncState = { synchronous: 'sync', asynchronous: 'async' }[replication];
      const isStreaming = `select from pg_stat_replication where state = 'streaming' and sync_state = $1`;
      await vi.waitUntil(async () => (await client.query(isStreaming, [syncState])).rowCount === 1, {
        timeout: 20_000,
      });
    });
    return new ReplicatedPostgres(primary, standby, lines);
  }

  /** The template database on the writable server, at the address of the test. */
  get templateUrl(): string {
    return this.lines.ofTest.throughProxy(this.primary.templateUrl);
  }

  /** The connection string of a service for a database whose URL the test knows: both hosts, of which it wants the writable one. */
  serviceUrl(databaseUrl: string): string {
    const { username, password, pathname } = new URL(databaseUrl);
    const primary = new URL(this.lines.toPrimary.throughProxy(databaseUrl)).host;
    const standby = new URL(this.standby.templateUrl).host;
    return `postgres://${username}:${password}@${primary},${standby}${pathname}?target_session_attrs=read-write`;
  }

  /** The primary ends, and its connections are reset. */
  async killPrimary(): Promise<void> {
    await this.primary.kill('SIGKILL');
  }

  /** Kills the primary while a commit is on its disk and waits for the synchronous standby, which does not get it. */
  async killPrimaryDuringCommit(): Promise<void> {
    this.lines.replication.blackhole();
    await asAdmin(this.primary, (client) =>
      vi.waitUntil(
        async () => (await client.query(`select from pg_stat_activity where wait_event = 'SyncRep'`)).rowCount,
        { timeout: 20_000 },
      ),
    );
    await this.killPrimary();
  }

  /** The machine of the primary is gone: nothing closes its connections, and nothing refuses new ones. */
  async losePrimary(): Promise<void> {
    this.lines.toPrimary.blackhole();
    await this.killPrimary();
  }

  /** Lets the standby catch up. From then on, it receives nothing. */
  async stopReplication(): Promise<void> {
    await asAdmin(this.primary, (client) =>
      vi.waitUntil(
        async () => {
          const behind = await client.query(
            'select from pg_stat_replication where replay_lsn is distinct from pg_current_wal_lsn()',
          );
          return behind.rowCount === 0;
        },
        { timeout: 10_000 },
      ),
    );
    this.lines.replication.blackhole();
  }

  async promote(): Promise<void> {
    await this.standby.promote();
    this.lines.ofTest.redirect(this.standby.templateUrl);
  }

  async remove(): Promise<void> {
    await Promise.all(Object.values(this.lines).map((line) => line.close()));
    await Promise.all([this.primary.remove(), this.standby.remove()]);
  }
}
