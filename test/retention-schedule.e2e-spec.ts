import { Test, type TestingModule } from '@nestjs/testing';
import { AppModule } from '../src/app.module.js';
import { readEnvironment } from '../src/config/environment.js';
import { DeliverySchedule } from '../src/schedule.js';
import { requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

const DAY = 24 * 3600;

let test: TestApp;
/** A process that works, whose hourly retention the test runs. It is not initialised, so nothing runs by itself. */
let process: TestingModule;
beforeAll(async () => {
  test = await startApp();
  const environment = readEnvironment({ RUN_MODE: 'worker', DATABASE_URL: test.database.url });
  const imports = [AppModule.forRoot({ ...environment, databaseUrl: test.database.url })];
  process = await Test.createTestingModule({ imports }).compile();
  process.useLogger(false);
});
afterAll(async () => {
  await process.close();
  await test.stop();
});
beforeEach(async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  await test.database.advance(40 * DAY);
});

const count = async (table: string) =>
  (await test.database.query<{ rows: number }>(`select count(*)::int as rows from nft_metadata.${table}`))[0]!.rows;

it('the hourly retention deletes expired refreshes, attempts and events', async () => {
  const before = [await count('refreshes'), await count('event_outbox')];

  await process.get(DeliverySchedule).runRetention();

  expect(before).toEqual([1, 1]);
  expect([await count('refreshes'), await count('refresh_attempts'), await count('event_outbox')]).toEqual([0, 0, 0]);
});

it('the hourly retention deletes expired events even if it cannot delete refreshes', async () => {
  await test.database.query('alter table nft_metadata.refreshes rename to moved_away');

  await process.get(DeliverySchedule).runRetention();

  await test.database.query('alter table nft_metadata.moved_away rename to refreshes');
  expect([await count('refreshes'), await count('event_outbox')]).toEqual([1, 0]);
});
