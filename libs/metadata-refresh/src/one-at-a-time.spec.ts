import { OneAtATime } from './one-at-a-time.js';

const oneAtATime = new OneAtATime();

it('does the work of one key in the order in which it came, one after the other', async () => {
  const seen: string[] = [];
  const work = (name: string) => async () => {
    seen.push(`${name} begins`);
    await new Promise(setImmediate);
    seen.push(`${name} ends`);
    return name;
  };

  const results = await Promise.all(['a', 'b', 'c'].map(async (name) => oneAtATime.run('key', work(name))));

  expect(results).toEqual(['a', 'b', 'c']);
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

it('does the work of two keys side by side', async () => {
  const other = Promise.withResolvers<string>();
  const first = oneAtATime.run('first', async () => other.promise);

  await oneAtATime.run('second', async () => other.resolve('seen by the first'));

  await expect(first).resolves.toBe('seen by the first');
});

it('goes on after work that failed, which fails for its own caller only', async () => {
  const failing = oneAtATime.run('key', async () => Promise.reject(new Error('mine alone')));
  const next = oneAtATime.run('key', async () => 'done');

  await expect(failing).rejects.toThrow('mine alone');
  await expect(next).resolves.toBe('done');
});
