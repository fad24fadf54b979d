import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReaderThread, ThreadFailed } from './reader-thread.js';

const folder = mkdtempSync(join(tmpdir(), 'reader-thread-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A thread with the code of its file, which can be changed. */
function aThread(code: string) {
  const file = join(folder, `${Math.random()}.mjs`);
  const write = (text: string) => writeFileSync(file, text);
  write(code);
  return { thread: new ReaderThread<number, number>(file), write };
}

it('a thread runs one task after the other', async () => {
  const { thread } = aThread('export default (task) => task + 1;');

  expect(await Promise.all([thread.run(1, []), thread.run(2, [])])).toEqual([2, 3]);
  await thread.close();
});

it('tasks of a thread that cannot start fail, and a later task gets another thread', async () => {
  const { thread, write } = aThread(`throw new Error('no memory');`);

  const results = await Promise.allSettled([thread.run(1, []), thread.run(2, [])]);
  write('export default (task) => task + 1;');

  for (const result of results) {
    expect(result).toEqual({ status: 'rejected', reason: expect.any(ThreadFailed) as Error });
    expect((result as PromiseRejectedResult).reason).toMatchObject({ message: 'no memory' });
  }
  expect(await thread.run(1, [])).toBe(2);
  await thread.close();
});

it('an error of the function is that of its task, and the thread goes on', async () => {
  const { thread } = aThread(
    `export default (task) => { if (task > 1) throw new TypeError('too many'); return task; };`,
  );

  await expect(thread.run(2, [])).rejects.toThrow('too many');
  expect(await thread.run(1, [])).toBe(1);
  await thread.close();
});
