import { ChainWatcher, WatchedCollections } from '@app/chain-events';
import { TokenStore } from '@app/token-store';
import { Client } from 'pg';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';
import { forgetWatches, takeFetches } from './support/watched-collection.js';

const HOUR = 3600;
/** Between two polls. */
const STEP = 300;

let test: TestApp;
beforeAll(async () => {
  test = await startApp({ chainEvents: { enabled: true } });
});
afterAll(() => test.stop());
afterEach(() => forgetWatches(test));

async function refreshedEvery(seconds: number, tokens: readonly string[]): Promise<TestProject> {
  const project = await test.aProject({ tokens });
  await test.app.get(WatchedCollections).set(project.collectionId, { refreshEverySeconds: seconds });
  return project;
}

/** Lets time go by in steps. Returns the fetches of each step, by token. */
async function pass(seconds: number): Promise<Record<string, number>[]> {
  const fetches: Record<string, number>[] = [];
  for (let passed = 0; passed < seconds; passed += STEP) {
    await test.database.advance(STEP);
    await test.app.get(ChainWatcher).runOnce();
    await test.worker.runOnce();
    fetches.push(takeFetches(test));
  }
  return fetches;
}

const countOf = (fetches: readonly Record<string, number>[]) =>
  fetches.map((step) => Object.values(step).reduce((sum, count) => sum + count, 0));

it('1,000 tokens that are refreshed every hour are fetched evenly over it, each once in the second hour [N14]', async () => {
  const tokens = ids(1000);
  await refreshedEvery(HOUR, tokens);
  await pass(HOUR); // Their first documents.
  await pass(HOUR); // They have just changed, so they are looked at twice.

  const fetches = await pass(HOUR);

  const counts = countOf(fetches);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(950);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1100);
  // Five minutes are a twelfth of an hour, in which a sixth of the tokens is looked at: some real time goes by as well.
  expect(Math.max(...counts)).toBeLessThanOrEqual(1.2 * (1000 / 6));
});

it('a token that changes with every fetch is refreshed twice as often, and one that never changes less and less often [N14]', async () => {
  const project = await refreshedEvery(HOUR, ['1', '2']);
  let version = 0;
  test.metadataApi.script('1', { status: 200, body: () => ({ name: `Version ${(version += 1)}` }) });
  const fetchesIn = async (hours: number) => {
    const fetches = await pass(hours * HOUR);
    return ['1', '2'].map((tokenId) => fetches.reduce((sum, step) => sum + (step[tokenId] ?? 0), 0));
  };

  await fetchesIn(1);
  const [changing, unchanged] = await fetchesIn(4);
  const [changingLater, unchangedLater] = await fetchesIn(6);

  expect(changing).toBeGreaterThanOrEqual(7);
  expect(changingLater).toBeGreaterThanOrEqual(11);
  expect(unchanged).toBeLessThanOrEqual(5);
  expect(unchangedLater).toBeLessThanOrEqual(4);
  expect(unchangedLater).toBeGreaterThan(0);
  const [refresh] = await test.database.query<{ trigger: string; priority: number }>(
    `select trigger from nft_metadata.refreshes where collection_id = $1 limit 1`,
    [project.collectionId],
  );
  expect(refresh).toEqual({ trigger: 'schedule' });
});

it('burned tokens are not refreshed by age, and no more is requested of a host that does not respond', async () => {
  const project = await refreshedEvery(HOUR, ['1', '2']);
  const store = test.app.get(TokenStore);
  await test.database.query(
    'update nft_metadata.tokens set burned_at = now() where collection_id = $1 and token_id = 1',
    [project.collectionId],
  );
  expect((await store.findToken({ collectionId: project.collectionId, tokenId: '1' }))?.burnedAt).not.toBeNull();

  for (let step = 0; step < HOUR; step += STEP) {
    await test.database.advance(STEP);
    await test.app.get(ChainWatcher).runOnce(); // No worker runs.
  }

  const refreshes = await test.database.query<{ total: number }>('select total from nft_metadata.refreshes');
  expect(refreshes).toEqual([{ total: 1 }]);
});

it('several processes make each step once', async () => {
  await refreshedEvery(HOUR, ids(200));
  const other = (await test.anotherProcess()).get(ChainWatcher);

  for (let step = 0; step < 5; step += 1) {
    await test.database.advance(STEP);
    await Promise.all([test.app.get(ChainWatcher).runOnce(), other.runOnce()]);
    await test.worker.runOnce();
  }

  const fetches = takeFetches(test);
  expect(Object.values(fetches).every((count) => count === 1)).toBe(true);
  expect(Object.keys(fetches).length).toBeGreaterThan(40);
});

it('a collection whose tokens cannot be refreshed by age does not hold up the others', async () => {
  const failing = await refreshedEvery(HOUR, ['1']);
  await refreshedEvery(HOUR, ['2']);
  await test.database.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`,
  );
  await test.database.query(
    `create trigger refuse before insert on nft_metadata.refreshes
     for each row when (new.collection_id = '${failing.collectionId}') execute function refuse()`,
  );

  await expect(test.app.get(ChainWatcher).runOnce()).rejects.toThrow('refused');
  await test.worker.runOnce();

  await test.database.query('drop trigger refuse on nft_metadata.refreshes');
  expect(takeFetches(test)).toEqual({ 2: 1 });
});

it('collections that are refreshed by age are looked for every five seconds, and events more often', async () => {
  const query = vi.spyOn(Client.prototype, 'query');
  const countOfStatements = (part: string) =>
    query.mock.calls.filter((call) => JSON.stringify(call).includes(part)).length;
  const watcher = test.app.get(ChainWatcher);

  watcher.start();
  await vi.waitFor(() => expect(countOfStatements('has_ranges')).toBeGreaterThan(3), { timeout: 10_000 });
  await watcher.stop();

  expect(countOfStatements('round_step_at')).toBeLessThanOrEqual(1 + Math.floor(countOfStatements('has_ranges') / 8));
  query.mockRestore();
});
