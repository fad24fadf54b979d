import { BodyBufferPool, AcquireTimeout, type Place } from './body-buffer-pool.js';

const WAIT_MS = 8000;

let bodies: BodyBufferPool;
/** Who has sat down, in order. */
let seated: string[];
beforeEach(() => {
  vi.useFakeTimers();
  bodies = new BodyBufferPool({ largeBodyQueueTimeoutMs: WAIT_MS });
  seated = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Its owner is the first letter of its name. */
function ask(name: string): Place {
  const place = bodies.place();
  place.take(name.slice(0, 1)).then(
    () => seated.push(name),
    () => seated.push(`${name} is busy`),
  );
  return place;
}

/** All that happens without time. */
const settle = () => vi.advanceTimersByTimeAsync(0);

it('gives two seats at once, and each on when it is left', async () => {
  const [first] = [ask('a1'), ask('b1'), ask('c1')];
  await settle();
  expect(seated).toEqual(['a1', 'b1']);

  first.leave();
  await settle();

  expect(seated).toEqual(['a1', 'b1', 'c1']);
});

it('lets collections take turns, and who has a seat comes after those who have none', async () => {
  const [first, , , another] = [ask('a1'), ask('a2'), ask('a3'), ask('b1'), ask('c1')];

  first.leave();
  another.leave();
  await settle();

  expect(seated).toEqual(['a1', 'a2', 'b1', 'c1']);
});

it('passes over who has gone, and loses no seat by it', async () => {
  const places = [ask('a1'), ask('b1'), ask('c1'), ask('d1')];

  for (const place of places.toReversed()) place.leave();
  for (const later of ['e1', 'f1']) ask(later);
  await vi.advanceTimersByTimeAsync(WAIT_MS);

  expect(seated).toEqual(['a1', 'b1', 'e1', 'f1']);
});

it('leaves no timer behind when nobody waits any longer', async () => {
  const places = [ask('a1'), ask('b1'), ask('c1')];

  for (const place of places.toReversed()) place.leave();
  await settle();

  expect(vi.getTimerCount()).toBe(0);
});

it('tells who has waited for too long, in all', async () => {
  const place = bodies.place();
  const [first] = [ask('a1'), ask('b1')];
  const waited = place.take('c');
  await vi.advanceTimersByTimeAsync(WAIT_MS - 1000);
  first.leave();
  await waited;
  place.leave();
  ask('d1');

  const failure = place.take('c').catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1000);

  expect(await failure).toBeInstanceOf(AcquireTimeout);
  expect(place.isWaiting).toBe(false);
});

it('tells who comes when too many of its collection wait, and keeps out no other collection', async () => {
  for (let id = 1; id <= 2 + 64 + 1; id += 1) ask(`a${id}`);
  const late = ask('b1');
  await settle();

  expect(seated).toEqual(['a1', 'a2', 'a67 is busy']);
  expect(late.isWaiting).toBe(true);
});
