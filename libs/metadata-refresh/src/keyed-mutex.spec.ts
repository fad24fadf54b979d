import { KeyedMutex } from './keyed-mutex.js';

const mutex = new KeyedMutex();

it('a mutex runs work of one key one after the other, in the order of the calls', async () => {
  const seen: string[] = [];
  const work = (name: string) => async () => {
    seen.push(`${name} begins`);
    await new Promise(setImmediate);
    seen.push(`${name} ends`);
    return name;
  };

  const results = await Promise.all(['a', 'b', 'c'].map(async (name) => mutex.runExclusive('key', work(name))));

  expect(results).toEqual(['a', 'b', 'c']);
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

it('a mutex runs work of two keys concurrently', async () => {
  const other = Promise.withResolvers<string>();
  const first = mutex.runExclusive('first', async () => other.promise);

  await mutex.runExclusive('second', async () => other.resolve('seen by the first'));

  await expect(first).resolves.toBe('seen by the first');
});

it('work that fails rejects for its own caller only, and the mutex goes on', async () => {
  const failing = mutex.runExclusive('key', async () => Promise.reject(new Error('mine alone')));
  const next = mutex.runExclusive('key', async () => 'done');

  await expect(failing).rejects.toThrow('mine alone');
  await expect(next).resolves.toBe('done');
});
