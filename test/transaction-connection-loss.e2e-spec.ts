import { inTransaction } from '@app/database';
import { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { Client } from 'pg';
import { lockWaits, untilLockWaits } from './support/lock-waits.js';
import { http } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

/** More than the pool has connections. */
const TIMES = 15;

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
  await test.database.query('create table notes (text text primary key)');
});
afterAll(() => test.stop());
beforeEach(() => test.database.query('delete from notes'));

const notes = async () =>
  (await test.database.query<{ text: string }>('select text from notes order by text')).map(({ text }) => text);
const note = (em: EntityManager, text: string) => em.execute('insert into notes values (?)', [text]);

it('transactions that the database interrupts lose no connection, however many they are', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const post = () =>
    http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', project.apiKey)
      .send({ collection_address: project.collectionAddress, token_ids: ['1'] });
  await test.database.query(`
    create function break_off() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`);
  await test.database.query(
    'create trigger broken_off before insert on nft_metadata.refreshes for each row execute function break_off()',
  );

  const broken: number[] = [];
  for (let time = 0; time < TIMES; time += 1) broken.push((await post()).status);
  await test.database.query('drop trigger broken_off on nft_metadata.refreshes');
  const afterwards = await post();

  expect(broken).toEqual(Array<number>(TIMES).fill(503));
  expect(afterwards.status).toBe(202);
});

it('transactions whose commit is interrupted lose no connection', async () => {
  await test.database.query(`
    create constraint trigger broken_off after insert on notes deferrable initially deferred
      for each row execute function break_off()`);
  const em = test.app.get(EntityManager, { strict: false });

  for (let time = 0; time < TIMES; time += 1) {
    await expect(inTransaction(em, (inside) => note(inside, 'lost'))).rejects.toThrow();
  }
  await test.database.query('drop trigger broken_off on notes');
  await inTransaction(em, (inside) => note(inside, 'kept'));

  expect(await notes()).toEqual(['kept']);
});

it('a transaction is rolled back as a whole, with what injected managers and nested transactions have written', async () => {
  const injected = test.app.get(EntityManager, { strict: false });

  const undone = inTransaction(injected, async (em) => {
    await note(em, 'ours');
    await note(injected, 'of an injected manager');
    await em.transactional((inner) => note(inner, 'of a transaction within'));
    throw new Error('after all');
  });

  await expect(undone).rejects.toThrow('after all');
  expect(await notes()).toEqual([]);
});

it('a nested transaction is rolled back alone', async () => {
  const injected = test.app.get(EntityManager, { strict: false });

  await inTransaction(injected, async (em) => {
    await note(em, 'ours');
    const within = em.transactional(async (inner) => {
      await note(inner, 'of a transaction within');
      throw new Error('not this');
    });
    await expect(within).rejects.toThrow('not this');
  });

  expect(await notes()).toEqual(['ours']);
});

it('a transaction that a host stops waiting for is not continued by the next one on its connection', async () => {
  const orm = await MikroORM.init({
    clientUrl: test.database.url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    pool: { min: 1, max: 1 },
    driverOptions: { query_timeout: 200 },
  });
  await test.database.query(`insert into notes values ('held')`);
  const holder = new Client({ connectionString: test.database.url });
  await holder.connect();
  await holder.query(`begin; update notes set text = 'held' where text = 'held'`);

  const givenUp = inTransaction(orm.em, async (em) => {
    await note(em, 'half');
    await em.execute(`update notes set text = 'changed' where text = 'held'`);
  });
  await untilLockWaits(test.database, { count: 1, statement: 'update notes' });
  // Longer than it takes to give up the statement, and the first try to roll back.
  await vi.waitUntil(
    async () => {
      const waits = await lockWaits(test.database, { statement: 'update notes' });
      return waits.some(({ seconds }) => seconds > 0.6);
    },
    { timeout: 10_000 },
  );
  await holder.query('rollback');
  await expect(givenUp).rejects.toThrow('Query read timeout');
  await inTransaction(orm.em, (em) => note(em, 'next'));

  expect(await notes()).toEqual(['held', 'next']);
  await holder.end();
  await orm.close();
});
