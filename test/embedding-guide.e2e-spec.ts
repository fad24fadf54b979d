import { fileURLToPath } from 'node:url';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { readCodeBlocks, GuideRunner, type Block } from './support/guide-runner.js';

const page = (path: string) => fileURLToPath(new URL(`../docs/${path}`, import.meta.url));
const TUTORIAL = page('tutorials/embedding.md');
/** Goes on with the application of the tutorial. */
const CHAIN_TUTORIAL = page('tutorials/chain-events.md');
/** Their snippets compile in the application of the tutorial. */
const HOW_TO = [
  page('how-to/customise-the-embedded-module.md'),
  page('how-to/write-a-chain-source.md'),
  page('how-to/react-to-chain-events.md'),
  page('how-to/testing.md'),
];

let database: Pick<TestDatabase, 'url' | 'query' | 'drop'>;
let reader: GuideRunner;
let blocks: Block[];
beforeAll(async () => {
  database = await createEmptyDatabase();
  reader = new GuideRunner(database.url);
  blocks = (await Promise.all([TUTORIAL, ...HOW_TO, CHAIN_TUTORIAL].map((path) => readCodeBlocks(path)))).flat();
  await reader.run(blocks);
}, 240_000);
afterAll(async () => {
  await reader.stop();
  await database.drop();
});

it('docs/tutorials/embedding.md turns a new Nest application into one that refreshes metadata', () => {
  const [receipt, listings] = reader.responses;

  expect(receipt).toEqual({ refresh_id: expect.any(String) as string });
  expect(listings).toEqual([
    { tokenId: '1', name: 'Cat #1', imageUrl: 'https://cats.example/1.png', changedAt: expect.any(String) as string },
    { tokenId: '2', name: 'Cat #2', imageUrl: 'https://cats.example/2.png', changedAt: expect.any(String) as string },
    { tokenId: '3', name: null, imageUrl: null, changedAt: null },
  ]);
});

it('docs/tutorials/chain-events.md shows a change on chain in that application, without a request', () => {
  const listings = reader.responses[2];

  expect(listings).toMatchObject([
    { tokenId: '1', name: null },
    { tokenId: '2', name: 'Cat #2', imageUrl: 'https://cats.example/2.png' },
    { tokenId: '3', name: null },
  ]);
});

it('every snippet of the embedding tutorial and of its how-to guides compiles in that application', () => {
  expect(reader.compiled.length).toBeGreaterThan(8);
});

it('a new Nest application tests its refreshes with supertest in the twenty lines of docs/how-to/testing.md', () => {
  const suite = blocks.find(({ file }) => file === 'test/metadata-refresh.e2e-spec.ts')!;

  expect(suite.text.trim().split('\n').length).toBeLessThanOrEqual(20);
  expect(suite.text).toContain(`from 'supertest'`);
  expect(reader.tested).toEqual([
    'metadata-refresh-failures.e2e-spec.ts: 2 passed',
    'metadata-refresh.e2e-spec.ts: 1 passed',
  ]);
});

it('the application of the embedding tutorial still serves the route that it had before', async () => {
  expect(await (await fetch(reader.shopUrl)).text()).toBe('Hello World!');
});
