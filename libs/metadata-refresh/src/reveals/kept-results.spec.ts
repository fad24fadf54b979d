import { KeptResults } from './kept-results.js';

function aClock() {
  const clock = { time: 0 };
  return { clock, results: new KeptResults(() => clock.time) };
}

it('those who ask for a result while it is computed share it', async () => {
  const { results } = aClock();
  const { promise, resolve } = Promise.withResolvers<string>();
  const compute = vi.fn<() => Promise<string>>(() => promise);

  const asked = [
    results.get('lint', 0, compute),
    results.get('lint', 0, compute),
    results.get('other', 0, async () => 'x'),
  ];
  resolve('computed');

  expect(await Promise.all(asked)).toEqual(['computed', 'computed', 'x']);
  expect(compute).toHaveBeenCalledTimes(1);
});

it('a result is computed again when its time is over, counted from when it was there', async () => {
  const { clock, results } = aClock();
  let computed = 0;
  const ask = () =>
    results.get('lint', 1000, async () => {
      clock.time += 500;
      return (computed += 1);
    });

  const first = await ask();
  clock.time = 1499;
  const kept = await ask();
  clock.time = 1500;

  expect([first, kept, await ask()]).toEqual([1, 1, 2]);
});

it('a result that is not to be kept is computed by each who asks later', async () => {
  const { results } = aClock();
  let computed = 0;
  const ask = () => results.get('lint', 0, async () => (computed += 1));

  expect([await ask(), await ask()]).toEqual([1, 2]);
});

it('a failure is told to those who wait for the result, and is not kept', async () => {
  const { results } = aClock();
  const fail = () => results.get('lint', 1000, () => Promise.reject(new Error('too slow')));

  const waiting = [fail(), fail()];

  expect(await Promise.allSettled(waiting)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(await results.get('lint', 1000, async () => 'computed')).toBe('computed');
});

it('the oldest results make room when there are too many', async () => {
  const { results } = aClock();
  let computed = 0;
  const ask = (key: number) => results.get(String(key), 1000, async () => (computed += 1));
  for (let key = 1; key <= 101; key += 1) await ask(key);

  expect([await ask(101), await ask(2), await ask(1)]).toEqual([101, 2, 102]);
});

it('an error that is to be kept is kept for as long as it took', async () => {
  const { clock, results } = aClock();
  let computed = 0;
  const isKept = (error: unknown) => error instanceof Error && error.message.startsWith('too slow');
  const ask = (key = 'too slow') =>
    results.get(
      key,
      1000,
      async () => {
        clock.time += 500;
        throw new Error(`${key} ${(computed += 1)}`);
      },
      isKept,
    );

  await expect(ask()).rejects.toThrow('too slow 1');
  clock.time = 999;
  await expect(ask()).rejects.toThrow('too slow 1');
  clock.time = 1000;
  await expect(ask()).rejects.toThrow('too slow 2');
  await expect(ask('other')).rejects.toThrow('other 3');
  await expect(ask('other')).rejects.toThrow('other 4');
});
