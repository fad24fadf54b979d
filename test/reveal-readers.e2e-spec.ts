import { TokenStore } from '@app/token-store';
import { http } from './support/project-api.js';
import {
  dragon,
  egg,
  expectExactCounts,
  publishReveal,
  readReveal,
  respondWith,
  revealRequest,
  stageReveal,
  untilReveal,
  type RevealIds,
} from './support/reveals.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

const TOKENS = 10_000;
const LIMITS = { tokensPerHour: 10 * TOKENS, tokensPerRequest: TOKENS };
/** What each reader sees before and after the publication, at the least. */
const READS = 20;

// Readers that poll at full speed leave little of a busy machine to the worker.
vi.setConfig({ testTimeout: 180_000 });

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

type Seen = 'old' | 'new' | 'mixture';

/** `old` if all of it is of eggs, `new` if all of it is of dragons. */
function seen(values: readonly string[]): Seen {
  if (values.every((value) => value.startsWith('Egg'))) return 'old';
  return values.every((value) => value.startsWith('Dragon')) ? 'new' : 'mixture';
}

const get = async (path: string): Promise<unknown> => (await http(test.app).get(path).expect(200)).body;

/** Each reads something that a mixture would show. */
const readers: Record<string, (project: TestProject) => Promise<Seen>> = {
  'a page of tokens': async ({ collectionAddress }) => {
    const page = await get(`/v1/chains/eip155:1/collections/${collectionAddress}/nfts?page_size=200`);
    return seen((page as { result: { name: string }[] }).result.map(({ name }) => name));
  },
  'a page of tokens with a trait': async ({ collectionId }) => {
    const { tokens } = await test.app
      .get(TokenStore)
      .pageTokens({ collectionId, traits: { Stage: ['Egg'] }, orderBy: 'name' });
    return tokens.length === 0 ? 'new' : seen(tokens.map(({ name }) => name!));
  },
  'the counts of traits': async ({ collectionAddress }) => {
    const { traits } = (await get(`/v1/collections/${collectionAddress}/traits`)) as { traits: object };
    const text = JSON.stringify(traits);
    const counts = [...text.matchAll(/"token_count":(\d+)/g)].map(([, count]) => Number(count));
    const sum = counts.reduce((total, count) => total + count, 0);
    if (sum !== TOKENS || counts.includes(0)) return 'mixture';
    return text.includes('Egg') ? (text.includes('Rarity') ? 'mixture' : 'old') : 'new';
  },
  'a record': async ({ collectionAddress }) => {
    const id = 1 + Math.floor(Math.random() * TOKENS);
    const { name, attributes } = (await get(`/v1/collections/${collectionAddress}/tokens/${id}`)) as {
      name: string;
      attributes: { trait_type: string }[];
    };
    const isOld = attributes.some(({ trait_type: type }) => type === 'Stage');
    return isOld === name.startsWith('Egg') ? seen([name]) : 'mixture';
  },
};

let project: TestProject;
let reveal: RevealIds;
const count = (reads: readonly Read[], name: string, saw: Seen) =>
  reads.filter((read) => read.name === name && read.saw === saw).length;

interface Read {
  name: string;
  startedAt: number;
  endedAt: number;
  saw: Seen;
}

/** Reads all the time while the collection changes. Each reader sees all of the one state, then all of the other. */
async function expectOneMoment(from: Seen, to: Seen, { prepare, change }: Record<'prepare' | 'change', () => unknown>) {
  const reads: Read[] = [];
  let isOver = false;
  const readAll = async (name: string) => {
    while (!isOver) {
      const startedAt = performance.now();
      const saw = await readers[name]!(project);
      reads.push({ name, startedAt, endedAt: performance.now(), saw });
    }
  };
  const names = Object.keys(readers);
  const untilAllSaw = (saw: Seen) =>
    vi.waitUntil(() => names.every((name) => count(reads, name, saw) >= READS), { timeout: 60_000 });

  const reading = Promise.all(names.map(readAll));
  try {
    await prepare();
    await untilAllSaw(from);
    expect(reads.filter(({ saw }) => saw !== from)).toEqual([]); // no trace of what is coming
    await change();
    await untilAllSaw(to);
  } finally {
    isOver = true;
    await reading;
  }

  expect(reads.filter(({ saw }) => saw === 'mixture')).toEqual([]);
  const changed = Math.min(...reads.filter(({ saw }) => saw === to).map(({ endedAt }) => endedAt));
  expect(reads.filter(({ saw, startedAt }) => saw === from && startedAt > changed)).toEqual([]);
}

it('10,000 tokens change at the same moment for readers of pages, filters, traits and records [V1]', async () => {
  const tokenIds = ids(TOKENS);
  project = await test.aProject({ tokens: tokenIds, limits: LIMITS });
  respondWith(test, egg, tokenIds);
  await publishReveal(test, project, await stageReveal(test, project));
  respondWith(test, dragon, tokenIds);

  await expectOneMoment('old', 'new', {
    prepare: async () => (reveal = await stageReveal(test, project)),
    change: () => publishReveal(test, project, reveal),
  });
});

it('10,000 tokens of a published reveal change back at the same moment [V8]', async () => {
  await expectOneMoment('new', 'old', {
    prepare: () => test.worker.runOnce(),
    change: async () => {
      await revealRequest(test, project, 'post', `${reveal.revealId}/revert`).expect(202);
      await untilReveal(test, project, reveal, 'reverted');
    },
  });

  expect(await readReveal(test, project, reveal)).toMatchObject({ reverted: { restored: TOKENS } });
  await expectExactCounts(test);
});
