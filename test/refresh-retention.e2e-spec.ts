import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataRefreshModule, RefreshRetention } from '@app/metadata-refresh';
import { TokenStoreModule } from '@app/token-store';
import { ConsoleLogger, Module } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { AppModule } from '../src/app.module.js';
import { readEnvironment } from '../src/config/environment.js';
import { http, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainLargestStep } from './support/statements.js';
import { fetchModules } from './support/fetch-modules.js';

const DAY = 86_400;
const HOUR_MS = 3_600_000;

let test: TestApp;
let retention: RefreshRetention;
beforeAll(async () => {
  test = await startApp();
  retention = test.app.get(RefreshRetention);
});
afterAll(() => test.stop());

async function refreshed(project: TestProject, tokenIds: readonly string[]): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
}

const rowsIn = async (table: string, of = 'true') => {
  const [row] = await test.database.query<{ count: number }>(
    `select count(*)::int as count from nft_metadata.${table} where ${of}`,
  );
  return row!.count;
};

/** Completed refreshes that are old enough to be deleted, with an error for every third token, as if they had been requested. */
async function oldRefreshes(project: TestProject, count: number, tokens: number): Promise<string[]> {
  const rows = await test.database.query<{ id: string }>(
    `with refresh as (
       insert into nft_metadata.refreshes (id, project_id, collection_id, collection_address, source, total, succeeded,
         failed, created_at, completed_at)
       select gen_random_uuid(), $1, $2, $3, '{}', $5::int, $5::int - $5::int / 3, $5::int / 3, old.at, old.at
       from generate_series(1, $4::int) as number
       cross join lateral (select now() - interval '40 days' + number * interval '1 second' as at) as old
       returning id, completed_at
     ), result as (
       insert into nft_metadata.refresh_results (refresh_id, token_id, verdict, attempts, finished_at)
       select refresh.id, token_id, case when token_id % 3 = 0 then 'f' else 'u' end::"char", 1, completed_at
       from refresh cross join generate_series(1, $5::int) as token_id
       returning *
     ), error as (
       insert into nft_metadata.refresh_errors
         (refresh_id, token_id, metadata_url, status_code, error_code, reason, created_at)
       select refresh_id, token_id, '', 404, 'invalid_response_status_code', 'status_404', finished_at
       from result where verdict = 'f'
     )
     select id from refresh`,
    [project.id, project.collectionId, project.collectionAddress, count, tokens],
  );
  return rows.map(({ id }) => id);
}

/** Notes how many rows each statement removes from a table. `refusal` is a condition on which it raises. */
async function watchRemovals(table: string, refusal = 'false') {
  await test.database.query(`
    create table test_clock.removals (rows int);
    create function test_clock.note_removal() returns trigger language plpgsql as $$
    begin
      if ${refusal} then raise 'refused by the test'; end if;
      insert into test_clock.removals select count(*) from gone;
      return null;
    end $$;
    create trigger watch after delete on nft_metadata.${table} referencing old table as gone
      for each statement execute function test_clock.note_removal()`);
  return {
    /** Of one with anything to remove. */
    statements: () => test.database.query<{ rows: number }>('select rows from test_clock.removals where rows > 0'),
    [Symbol.asyncDispose]: () =>
      test.database
        .query('drop function test_clock.note_removal cascade; drop table test_clock.removals')
        .then(() => undefined),
  };
}

class Listener extends ConsoleLogger {
  readonly warnings: { msg: string; error: string }[] = [];

  override warn(message: unknown): void {
    this.warnings.push(message as { msg: string; error: string });
  }
}

/** A process of mode `worker`, and the job that its schedule has for every full hour. */
async function startWorkerProcess() {
  const environment = readEnvironment({ RUN_MODE: 'worker', DATABASE_URL: test.database.url });
  const testing = await Test.createTestingModule({
    imports: [AppModule.forRoot({ ...environment, databaseUrl: test.database.url })],
  }).compile();
  const logger = new Listener({ logLevels: ['warn'] });
  testing.useLogger(logger);
  await testing.init();
  return {
    warnings: logger.warnings,
    hourly: () =>
      [...testing.get(SchedulerRegistry).getCronJobs().values()].filter((job) => {
        const [next, second] = job.nextDates(2).map((date) => date.toMillis());
        return job.isActive && next! % HOUR_MS === 0 && second! - next! === HOUR_MS;
      }),
    [Symbol.asyncDispose]: () => testing.close(),
  };
}

it('the retention deletes a completed refresh with its errors after thirty days, and no open one', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  test.metadataApi.respond('1', 404);
  const done = await refreshed(project, ['1', '2']);
  const open = await requestRefresh(test.app, project, ['1']);

  await test.database.advance(29 * DAY);
  expect(await retention.deleteExpired()).toMatchObject({ refreshes: 0 });
  expect(await readRefresh(test.app, project, done)).toMatchObject({ summary: { failed: 2 } });
  expect(await readErrors(test.app, project, done)).toHaveLength(2);
  await test.database.advance(2 * DAY);
  expect(await retention.deleteExpired()).toMatchObject({ refreshes: 1 });

  for (const path of [done, `${done}/errors`]) {
    await http(test.app).get(`/v1/metadata-refreshes/${path}`).set('x-api-key', project.apiKey).expect(404);
  }
  expect(await readRefresh(test.app, project, open)).toMatchObject({ status: 'queued' });
  expect(await rowsIn('refresh_results', `refresh_id = '${done}'`)).toBe(0);
  expect(await rowsIn('refresh_errors', `refresh_id = '${done}'`)).toBe(0);
  expect(await rowsIn('refresh_chunks', `refresh_id = '${open}'`)).toBe(1);
  await test.worker.runOnce();
});

it('the retention deletes the attempts of tokens, and their refresh does not change', async () => {
  const project = await test.aProject({ tokens: ['10', '11', '12'] });
  test.metadataApi.respond('11', 404);
  const refreshId = await refreshed(project, ['10', '11', '12']);
  const tried = `refresh_id = '${refreshId}'`;
  const [receipt, errors] = [
    await readRefresh(test.app, project, refreshId),
    await readErrors(test.app, project, refreshId),
  ];

  await test.database.advance(6 * DAY);
  await retention.deleteExpired();
  expect(await rowsIn('refresh_attempts', tried)).toBe(3);
  await test.database.advance(2 * DAY);
  await retention.deleteExpired();

  expect(await rowsIn('refresh_attempts', tried)).toBe(0);
  expect(receipt).toMatchObject({ summary: { succeeded: 2, failed: 1, pending: 0 } });
  expect(await readRefresh(test.app, project, refreshId)).toEqual(receipt);
  expect(await readErrors(test.app, project, refreshId)).toEqual(errors);
});

it('the retention deletes a refresh of any size completely, in statements of bounded size', async () => {
  const project = await test.aProject();
  await oldRefreshes(project, 10, 1100);
  await oldRefreshes(project, 1, 23_000);
  await oldRefreshes(project, 60, 300);
  await test.database.query(
    'analyze nft_metadata.refreshes, nft_metadata.refresh_results, nft_metadata.refresh_errors',
  );
  const rowsBefore = await rowsIn('refresh_results');
  await using results = await watchRemovals('refresh_results');

  expect(await retention.deleteExpired()).toMatchObject({ refreshes: 71 });

  const statements = await results.statements();
  expect(statements.reduce((sum, { rows }) => sum + rows, 0)).toBe(10 * 1100 + 23_000 + 60 * 300);
  expect(Math.max(...statements.map(({ rows }) => rows))).toBe(5000);
  expect(await rowsIn('refreshes', `project_id = '${project.id}'`)).toBe(0);
  expect(await rowsIn('refresh_results')).toBe(rowsBefore - (10 * 1100 + 23_000 + 60 * 300));
  expect(await rowsIn('refresh_errors', 'refresh_id not in (select id from nft_metadata.refreshes)')).toBe(0);
});

it('the retention deletes small refreshes 1,000 at a time, and attempts 5,000 at a time', async () => {
  const project = await test.aProject();
  await oldRefreshes(project, 2300, 1);
  {
    await using refreshes = await watchRemovals('refreshes');
    expect(await retention.deleteExpired()).toMatchObject({ refreshes: 2300 });
    expect((await refreshes.statements()).map(({ rows }) => rows)).toEqual([1000, 1000, 300]);
  }

  await test.database.query(`
    insert into nft_metadata.refresh_attempts
      (collection_id, token_id, refresh_id, attempt, url, outcome, duration_ms, bytes, attempted_at)
    select gen_random_uuid(), 1, gen_random_uuid(), 1, '', 'fetched', 1, 1, now() - interval '8 days'
    from generate_series(1, 12000)`);
  await using attempts = await watchRemovals('refresh_attempts');
  expect(await retention.deleteExpired()).toEqual({
    refreshes: 0,
    reveals: 0,
    attempts: 12_000,
    stacks: 0,
    versions: 0,
    documents: 0,
  });
  expect((await attempts.statements()).map(({ rows }) => rows)).toEqual([5000, 5000, 2000]);
});

it('a refresh that the retention has deleted in part still has its counts; the next run deletes the rest', async () => {
  const project = await test.aProject();
  const [refreshId] = await oldRefreshes(project, 1, 12_000);
  const receipt = await readRefresh(test.app, project, refreshId!);
  {
    await using _ = await watchRemovals('refresh_results', '(select count(*) from test_clock.removals) = 3');
    await expect(retention.deleteExpired()).rejects.toThrow('refused by the test');
  }

  expect(await rowsIn('refresh_results', `refresh_id = '${refreshId}'`)).toBe(2000);
  expect(receipt).toMatchObject({ status: 'completed', summary: { succeeded: 8000, failed: 4000, pending: 0 } });
  expect(await readRefresh(test.app, project, refreshId!)).toEqual(receipt);
  expect(await rowsIn('refresh_errors', `refresh_id = '${refreshId}'`)).toBeLessThan(1000);

  expect(await retention.deleteExpired()).toMatchObject({ refreshes: 1 });
  expect(await rowsIn('refreshes', `id = '${refreshId}'`)).toBe(0);
});

it('the retention of several processes deletes each refresh once', async () => {
  const project = await test.aProject();
  await oldRefreshes(project, 2, 12_000);
  await oldRefreshes(project, 1500, 2);
  const others = [await test.anotherProcess(), await test.anotherProcess()];

  const removed = await Promise.all(
    [retention, ...others.map((other) => other.get(RefreshRetention))].map((one) => one.deleteExpired()),
  );

  expect(removed.reduce((sum, { refreshes }) => sum + refreshes, 0)).toBe(1502);
  expect(await rowsIn('refreshes', `project_id = '${project.id}'`)).toBe(0);
});

it('the retention of the service runs at every full hour, and deletes attempts also when deleting refreshes fails', async () => {
  const project = await test.aProject({ tokens: ['20'] });
  const refreshId = await refreshed(project, ['20']);
  const mine = `refresh_id = '${refreshId}'`;
  await test.database.advance(31 * DAY);
  await using process = await startWorkerProcess();
  expect(process.hourly()).toHaveLength(1);
  const [job] = process.hourly();
  {
    await using _ = await watchRemovals('refreshes', 'true');
    await job!.fireOnTick();
    await vi.waitUntil(() => process.warnings.length > 0, { timeout: 10_000 });
  }

  expect(process.warnings).toMatchObject([
    {
      msg: 'expired refreshes not deleted; the next try is in an hour',
      error: expect.stringContaining('refused by the test') as string,
    },
  ]);
  expect(await rowsIn('refresh_attempts', mine)).toBe(0);
  expect(await rowsIn('refreshes', `id = '${refreshId}'`)).toBe(1);

  await job!.fireOnTick();
  await vi.waitUntil(async () => (await rowsIn('refreshes', `id = '${refreshId}'`)) === 0, { timeout: 10_000 });
});

it('the retention of a host that runs a worker runs once an hour', async () => {
  const project = await test.aProject({ tokens: ['30'] });
  const refreshId = await refreshed(project, ['30']);
  await test.database.advance(31 * DAY);
  @Module({
    imports: [
      MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: test.database.url, autoLoadEntities: true }),
      TokenStoreModule.forRoot(),
      ...fetchModules(),
      MetadataRefreshModule.forRoot({ runWorker: true }),
    ],
  })
  class HostModule {}
  const host = await Test.createTestingModule({ imports: [HostModule] }).compile();
  host.useLogger(false);
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    await host.init();

    vi.advanceTimersByTime(HOUR_MS - 1000);
    expect(await rowsIn('refreshes', `id = '${refreshId}'`)).toBe(1);
    vi.advanceTimersByTime(1000);
    await vi.waitUntil(async () => (await rowsIn('refreshes', `id = '${refreshId}'`)) === 0, { timeout: 10_000 });
    await host.close();
  } finally {
    vi.useRealTimers();
  }
});

it('a large refresh is deleted in the order of its tokens, and no statement reads what others delete', async () => {
  const project = await test.aProject();
  // Autovacuum has analysed the tables while there were many small refreshes.
  await oldRefreshes(project, 300, 20);
  await test.database.query('analyze nft_metadata.refresh_results, nft_metadata.refresh_errors');
  const [refreshId] = (await oldRefreshes(project, 1, 30_000)) as [string];

  const statements = await captureStatements(() => retention.deleteRefresh(refreshId));
  await test.database.query(
    `with result as (
       insert into nft_metadata.refresh_results (refresh_id, token_id, verdict, attempts, finished_at)
       select $1, number, 'f', 1, now() from generate_series(1, 30000) as number returning *
     )
     insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
     select refresh_id, token_id, '', 'unable_to_retrieve_metadata', 'timeout', finished_at from result`,
    [refreshId],
  );

  // A statement deletes 5,000 results, and their errors.
  expect(await explainLargestStep(test.database.url, statements)).toBe(5000);
  await test.database.query('delete from nft_metadata.refresh_results');
  await test.database.query('delete from nft_metadata.refresh_errors');
});
