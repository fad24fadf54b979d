import { setImmediate as nextTurn } from 'node:timers/promises';
import { EntityManager } from '@mikro-orm/postgresql';
import { Test } from '@nestjs/testing';
import { sql } from 'kysely';
import { AppModule } from '../src/app.module.js';
import { readEnvironment } from '../src/config/environment.js';
import { createDatabase } from './support/database.js';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { startApp } from './support/start-app.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** More than the shutdown needs to begin to wait for the database. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await nextTurn();
}

it('an application that is closed while it opens a database connection runs the statement for which it does, and closes', async () => {
  const database = await createDatabase();
  const proxy = await TcpProxy.start(database.url);
  onTestFinished(async () => {
    await proxy.close();
    await database.drop();
  });
  const databaseUrl = proxy.throughProxy(database.url);
  const environment = readEnvironment({ RUN_MODE: 'api', DATABASE_URL: databaseUrl });
  const testing = await Test.createTestingModule({
    imports: [AppModule.forRoot({ ...environment, databaseUrl })],
  }).compile();
  const app = await testing.init();
  const em = app.get(EntityManager);
  const pool = await em.getConnection().getNativeClient();
  const other = await pool.connect();
  const { connections } = proxy;
  proxy.blackhole();

  const statement = sql`select 1 as one`.execute(em.getKysely());
  await vi.waitUntil(() => proxy.connections > connections, { timeout: 10_000 });
  const closing = app.close();
  await someTurns();
  other.release();
  proxy.forward();

  expect((await statement).rows).toEqual([{ one: 1 }]);
  await closing;
  expect(pool.totalCount).toBe(0);
});

it('an application that is closed while it looks for ended holds removes those that it finds, before it closes its connections', async () => {
  const test = await startApp();
  onTestFinished(() => test.stop());
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.query(
    `update nft_metadata.tokens set held_until = now() - interval '1 second' where collection_id = $1`,
    [project.collectionId],
  );
  const looking = await holdRows(test, 'lock table nft_metadata.tokens in access exclusive mode', []);
  test.worker.start();
  await untilLockWaits(test.database, { kinds: ['relation'] });

  const closing = test.app.close();
  await vi.waitUntil(
    async () => {
      const stopped = await test.database.query(
        'select from nft_metadata.refresh_workers where stopped_at is not null',
      );
      return stopped.length > 0;
    },
    { timeout: 10_000 },
  );
  await someTurns();
  await looking.release();
  await closing;

  const held = await test.database.query(
    'select from nft_metadata.tokens where collection_id = $1 and held_until is not null',
    [project.collectionId],
  );
  expect(held).toEqual([]);
});
