import { PostgresThrottlerStorage } from '@app/project-auth';
import { MikroORM } from '@mikro-orm/postgresql';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { startApp, type TestApp } from './support/start-app.js';

const MINUTE_MS = 60_000;

let test: TestApp;
let storages: [ThrottlerStorage, ThrottlerStorage];
beforeAll(async () => {
  test = await startApp();
  storages = [test.app.get(PostgresThrottlerStorage), (await test.anotherProcess()).get(PostgresThrottlerStorage)];
  await test.database.freezeTime();
});
afterAll(() => test.stop());

let keys = 0;
const aKey = () => `key-${(keys += 1)}`;

/** Counts a request for the key, with a limit of 2 a minute unless given. */
function increment(key: string, { limit = 2, blockDuration = MINUTE_MS, storage = storages[0] } = {}) {
  return storage.increment(key, MINUTE_MS, limit, blockDuration, 'test');
}

it('the throttler storage counts concurrent requests of two processes exactly up to the limit', async () => {
  const key = aKey();

  const records = await Promise.all(
    Array.from({ length: 60 }, (_, index) => increment(key, { limit: 25, storage: storages[index % 2]! })),
  );

  const counted = records.filter(({ isBlocked }) => !isBlocked).map(({ totalHits }) => totalHits);
  expect(counted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
  expect(new Set(records.filter(({ isBlocked }) => isBlocked).map(({ totalHits }) => totalHits))).toEqual(
    new Set([25]),
  );
});

it('the throttler storage reports the seconds until the window of a key ends, which starts with its first request', async () => {
  const key = aKey();

  const first = await increment(key);
  await test.database.advance(20);
  const second = await increment(key);

  expect(first).toEqual({ totalHits: 1, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 });
  expect(second).toEqual({ totalHits: 2, timeToExpire: 40, isBlocked: false, timeToBlockExpire: 0 });
});

it('the throttler storage starts a new window for a key after its ttl, and not before', async () => {
  const key = aKey();
  await increment(key);

  await test.database.advance(59.9);
  const before = await increment(key);
  await test.database.advance(0.2);
  const after = await increment(key);

  expect([before.totalHits, after.totalHits]).toEqual([2, 1]);
  expect(after.timeToExpire).toBe(60);
});

it('the throttler storage blocks a key over its limit until the window ends, however often it is requested', async () => {
  const key = aKey();
  for (let request = 1; request <= 2; request += 1) await increment(key);

  await test.database.advance(30);
  const blocked = [await increment(key), await increment(key)];
  await test.database.advance(30.1);
  const next = await increment(key);

  const refusal = { totalHits: 2, timeToExpire: 30, isBlocked: true, timeToBlockExpire: 30 };
  expect(blocked).toEqual([refusal, refusal]);
  expect(next).toMatchObject({ totalHits: 1, isBlocked: false });
});

it('the throttler storage ignores a block duration that is longer or shorter than the window', async () => {
  const [long, short] = [aKey(), aKey()];
  for (let request = 1; request <= 3; request += 1) {
    await increment(long, { blockDuration: 10 * MINUTE_MS });
    await increment(short, { blockDuration: 1000 });
  }

  await test.database.advance(10);
  const blocked = await increment(short, { blockDuration: 1000 });
  await test.database.advance(50.1);
  const next = await increment(long, { blockDuration: 10 * MINUTE_MS });

  expect(blocked).toMatchObject({ isBlocked: true, timeToBlockExpire: 50 });
  expect(next).toMatchObject({ isBlocked: false, totalHits: 1 });
});

it('the throttler storage blocks every request with a limit of 0, and counts keys independently', async () => {
  const [none, one, other] = [aKey(), aKey(), aKey()];

  const blocked = await increment(none, { limit: 0 });
  await increment(one);
  const independent = await increment(other);

  expect(blocked).toEqual({ totalHits: 0, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 60 });
  expect(independent.totalHits).toBe(1);
});

it('a rollback takes back what the throttler storage counted in the transaction', async () => {
  const key = aKey();
  const storage = test.app.get(PostgresThrottlerStorage);
  const em = test.app.get(MikroORM).em.fork();

  await em.begin();
  const inside = await storage.inTransaction(em, () => increment(key));
  await em.rollback();

  expect(inside.totalHits).toBe(1);
  expect(await increment(key)).toMatchObject({ totalHits: 1 });
});

it('the throttler storage takes back a request, and never more than it has counted', async () => {
  const [key, unknown] = [aKey(), aKey()];
  const storage = test.app.get(PostgresThrottlerStorage);
  for (let request = 1; request <= 3; request += 1) await increment(key);

  await storage.takeBack(key);
  await storage.takeBack(unknown);
  const again = await increment(key);
  for (let times = 1; times <= 4; times += 1) await storage.takeBack(key);

  expect(again).toMatchObject({ totalHits: 2, isBlocked: false });
  expect(await increment(key)).toMatchObject({ totalHits: 1 });
  expect(await increment(unknown)).toMatchObject({ totalHits: 1 });
});
