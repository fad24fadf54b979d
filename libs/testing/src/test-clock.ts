/** Runs one statement in the database. */
type RunStatement = (text: string) => Promise<readonly object[]>;

/**
 * The clock of one database, which a test can move. Leases, retries, cooldowns, quotas and retention use the time of the database; the
 * application cannot tell the difference.
 */
export class TestClock {
  private constructor(private readonly run: RunStatement) {}

  /**
   * Adds a schema before pg_catalog on the search path of the database, with its own `now()` and `clock_timestamp()`. Connections that
   * are open keep the real time: install it before the application starts. `run` needs the rights of the database's owner.
   */
  static async install(run: RunStatement): Promise<TestClock> {
    await run(`
      create schema test_clock;
      create table test_clock.moved (by interval not null, stopped_at timestamptz);
      insert into test_clock.moved values ('0');
      create function test_clock.now() returns timestamptz stable language sql
        as 'select coalesce(stopped_at, pg_catalog.now()) + by from test_clock.moved';
      create function test_clock.clock_timestamp() returns timestamptz volatile language sql
        as 'select coalesce(stopped_at, pg_catalog.clock_timestamp()) + by from test_clock.moved';
      do $$ begin
        execute format('alter database %I set search_path = public, test_clock, pg_catalog', current_database());
      end $$`);
    return new TestClock(run);
  }

  async now(): Promise<Date> {
    const [row] = (await this.run('select extract(epoch from test_clock.clock_timestamp())::float8 as seconds')) as [
      { seconds: number },
    ];
    return new Date(row.seconds * 1000);
  }

  /** Moves the clock forward, also while it stands still. */
  async advance(seconds: number): Promise<void> {
    await this.run(`update test_clock.moved set by = by + make_interval(secs => ${seconds})`);
  }

  /** The clock stands still from now on. */
  async freeze(): Promise<void> {
    await this.run('update test_clock.moved set stopped_at = pg_catalog.clock_timestamp()');
  }

  /** The clock goes on, as if it had never stood still. */
  async unfreeze(): Promise<void> {
    await this.run('update test_clock.moved set stopped_at = null');
  }
}
