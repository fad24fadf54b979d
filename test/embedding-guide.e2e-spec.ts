import { fileURLToPath } from 'node:url';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { readCodeBlocks, GuideRunner } from './support/guide-runner.js';

const GUIDE = fileURLToPath(new URL('../docs/tutorials/embedding.md', import.meta.url));

let database: Pick<TestDatabase, 'url' | 'query' | 'drop'>;
let reader: GuideRunner;
beforeAll(async () => {
  database = await createEmptyDatabase();
  reader = new GuideRunner(database.url);
  await reader.run(await readCodeBlocks(GUIDE));
}, 120_000);
afterAll(async () => {
  await reader.stop();
  await database.drop();
});

it('docs/tutorials/embedding.md makes a refreshing marketplace of an application that the Nest CLI has just made', () => {
  const [receipt, listings] = reader.responses;

  expect(receipt).toEqual({ refresh_id: expect.any(String) as string });
  expect(listings).toEqual([
    { tokenId: '1', name: 'Cat #1', imageUrl: 'https://cats.example/1.png', changedAt: expect.any(String) as string },
    { tokenId: '2', name: 'Cat #2', imageUrl: 'https://cats.example/2.png', changedAt: expect.any(String) as string },
    { tokenId: '3', name: null, imageUrl: null, changedAt: null },
  ]);
});

it('and every snippet of the page compiles in it', () => {
  expect(reader.compiled.length).toBeGreaterThan(5);
});

it('and what it did before, it still does', async () => {
  expect(await (await fetch(reader.shopUrl)).text()).toBe('Hello World!');
});
