import { Backfills, ChainStatuses, ChainWatcher, type Backfill, type ChainEventsOptions } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { TokenStore } from '@app/token-store';
import type { BaseContract } from 'ethers';
import { commandLine } from './support/command-line.js';
import { RpcHost, type Call } from './support/rpc-host.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { aWatchedCollection, follow, readToken, takeFetches, watchCollection } from './support/watched-collection.js';

vi.setConfig({ testTimeout: 60_000 });

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
let cards: BaseContract;
/** The block before the first mint. */
let firstBlock: number;
beforeAll(async () => {
  anvil = await Anvil.start();
});
afterAll(() => anvil.stop());
beforeEach(async () => {
  node = await RpcHost.start(anvil);
  cards = await anvil.deploy('ListedCards');
  // Tokens 1 to 9, ten blocks apart, of which the fourth is burned.
  const blocks: number[] = [];
  for (let tokenId = 1; tokenId <= 9; tokenId += 1) {
    blocks.push((await anvil.send(cards, 'mint', tokenId, 1)).blockNumber);
    await anvil.mine(9);
  }
  await anvil.send(cards, 'burnAt', 3);
  firstBlock = blocks[0]!;
});
afterEach(async () => {
  node.misbehaveAlways(undefined);
  await test.stop();
  await node.close();
});

async function start(chainEvents: ChainEventsOptions = {}): Promise<TestProject> {
  test = await startApp(
    {
      chainEvents: { enabled: true, blocksPerCall: 25, overlapBlocks: 5, ...chainEvents },
      metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } },
    },
    { otherHosts: [node] },
  );
  const project = await aWatchedCollection(test, anvil, cards, { watch: { discover: 'mints' } });
  node.requests.length = 0;
  return project;
}

const { json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: `${test.metadataApi.host},${node.host}`,
  RPC_URLS: `${anvil.chainId}=${node.url}`,
  CHAIN_EVENTS: 'true',
}));

const backfills = () => test.app.get(Backfills);
const find = async ({ collectionId }: TestProject): Promise<Backfill> => (await backfills().find(collectionId))!;
const poll = () => test.app.get(ChainWatcher).runOnce();
const tokensOf = async ({ collectionId }: TestProject) =>
  (await test.app.get(TokenStore).listTokens({ collectionId, limit: 1000 })).map(({ tokenId }) => tokenId);
/** The first block of each call for logs. */
const readFrom = () => {
  const calls = node.requests.map((request) => request.find(({ method }) => method === 'eth_getLogs'));
  return calls.filter((call) => call !== undefined).map(fromBlockOf);
};
const fromBlockOf = ({ params }: Call) => Number((params[0] as { fromBlock: string }).fromBlock);
const ALL = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

it('tokens that were minted before the collection was watched are registered and refreshed, and burned ones are not', async () => {
  const project = await start();
  await backfills().start(project.collectionId, firstBlock);

  await poll();
  expect(await tokensOf(project)).toEqual(ALL);
  await follow(test);

  expect(takeFetches(test)).toEqual({ 1: 1, 2: 1, 3: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1 });
  expect(await readToken(test, project, '4')).toMatchObject({ burned_at: expect.any(String) as string });
  expect(await find(project)).toMatchObject({ fromBlock: firstBlock, tokens: 9, lastError: null });
  expect((await find(project)).finishedAt).toBeInstanceOf(Date);
  const [refresh] = await test.database.query<{ kind: string }>(
    `select trigger_detail->'events'->0->>'kind' as kind from nft_metadata.refreshes where trigger = 'event'`,
  );
  expect(refresh).toEqual({ kind: 'backfill' });
});

it('only mints since the given block are registered, and those that come meanwhile are watched', async () => {
  const project = await start();
  await backfills().start(project.collectionId, firstBlock + 65);
  await anvil.send(cards, 'mint', 100, 1);

  await poll();

  expect(await tokensOf(project)).toEqual(['8', '9', '100']);
});

it('while the node fails nothing is skipped, and what was read is not read again', async () => {
  const project = await start();
  await backfills().start(project.collectionId, firstBlock);
  node.misbehaveAlways((responses, calls) => {
    const logs = calls.find(({ method }) => method === 'eth_getLogs');
    return logs && fromBlockOf(logs) === firstBlock + 50
      ? responses.map(({ id }) => ({ id, error: { code: -32_603, message: 'internal error' } }))
      : responses;
  });
  await poll();
  expect(await find(project)).toMatchObject({ nextBlock: firstBlock + 50, tokens: 5, lastError: 'error_-32603' });
  const [status] = await test.app.get(ChainStatuses).list();
  expect(status).toMatchObject({ state: 'reading', backfills: 1 });

  node.misbehaveAlways(undefined);
  node.requests.length = 0;
  await test.database.advance(10);
  await poll();

  expect(await find(project)).toMatchObject({ tokens: 9, lastError: null });
  const blocks = readFrom().filter((block) => block < firstBlock + 90);
  expect(blocks[0]).toBe(firstBlock + 50);
  expect(new Set(blocks).size).toBe(blocks.length);
  expect(await tokensOf(project)).toEqual(ALL);
});

it('another process continues when one dies in the middle, and no token counts twice', async () => {
  const project = await start();
  const other = (await test.anotherProcess()).get(ChainWatcher);
  await backfills().start(project.collectionId, firstBlock);
  let release = () => {};
  const isHeld = new Promise<void>((held) => {
    node.misbehaveAlways(async (responses, calls) => {
      const logs = calls.find(({ method }) => method === 'eth_getLogs');
      if (logs && fromBlockOf(logs) === firstBlock + 25) {
        node.misbehaveAlways(undefined);
        held();
        await new Promise<void>((done) => (release = done));
      }
      return responses;
    });
  });
  const first = poll();
  await isHeld;

  await test.database.advance(30);
  await other.runOnce();
  expect(await find(project)).toMatchObject({ tokens: 9, lastError: null });
  release();
  await first;

  expect(await find(project)).toMatchObject({ tokens: 9, lastError: null });
  expect(await tokensOf(project)).toEqual(ALL);
});

it('a provider that allows fewer blocks is asked for fewer', async () => {
  const project = await start();
  node.misbehaveAlways((responses, calls) =>
    responses.map((one) => {
      const { method, params } = calls[Number(one.id)]!;
      if (method !== 'eth_getLogs') return one;
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      return Number(toBlock) - Number(fromBlock) < 10
        ? one
        : { id: one.id, error: { code: -32_005, message: 'eth_getLogs is limited to a 10 range' } };
    }),
  );
  await backfills().start(project.collectionId, firstBlock);

  await poll();

  expect(await tokensOf(project)).toEqual(ALL);
});

it('a full collection ends it, and says so', async () => {
  const project = await start({ discoveredTokensPerCollection: 4 });
  await backfills().start(project.collectionId, firstBlock);

  await poll();

  expect(await find(project)).toMatchObject({ lastError: 'collection_full' });
  expect((await find(project)).finishedAt).toBeInstanceOf(Date);
  expect((await tokensOf(project)).length).toBeLessThanOrEqual(4);
});

it('a collection whose events are switched off is not read, and continues when they are on again', async () => {
  const project = await start();
  const { collectionId } = project;
  await backfills().start(collectionId, firstBlock);
  await test.database.query('update nft_metadata.watched_collections set events = false');

  await poll();
  expect(node.requests).toEqual([]);
  await test.database.query('update nft_metadata.watched_collections set events = true');
  await poll();

  expect(await tokensOf(project)).toEqual(ALL);
});

it('a collection that does not discover mints, and a block that is none, are refused', async () => {
  const project = await start();
  const other = await watchCollection(test, anvil, await anvil.deploy('AnnouncedCards'));

  await expect(backfills().start(other.collectionId, 1)).rejects.toThrow('switch on "events" and "discover" first');
  await expect(backfills().start(project.collectionId, -1)).rejects.toThrow('Block -1 is not the number of a block');
  await expect(backfills().start(project.collectionId, 1.5)).rejects.toThrow('Block 1.5');
});

it('the command line starts it, and shows how far it is', async () => {
  const project = await start();
  const address = project.collectionAddress;

  const update = ['collection', 'update', '--collection', address, '--backfill-from', String(firstBlock)];
  expect(await json(...update)).toMatchObject({
    backfill_from: firstBlock,
    backfill_tokens: 0,
    backfill_finished_at: null,
  });
  await poll();

  expect(await json('collection', 'show', '--collection', address)).toMatchObject({
    backfill_tokens: 9,
    backfill_until: expect.any(Number) as number,
    backfill_finished_at: expect.any(String) as string,
    backfill_error: null,
  });
  const add = ['collection', 'add', '--project', project.id, '--address', `0x${'1'.repeat(40)}`, '--source', 'chain'];
  expect(await refused(...add, '--backfill-from', '1')).toContain(
    '--backfill-from needs --events and --discover mints',
  );
});
