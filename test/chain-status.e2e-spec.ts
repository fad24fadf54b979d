import { ChainStatuses, ChainWatcher, WatchedCollections, type ChainStatus } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { id, MaxUint256, toBeHex, type BaseContract } from 'ethers';
import { commandLine } from './support/command-line.js';
import { http } from './support/project-api.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';
import { aWatchedCollection, follow, forgetWatches, watchCollection } from './support/watched-collection.js';

// The command line is a process, which takes a second where nothing else runs.
vi.setConfig({ testTimeout: 60_000 });

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
let cards: BaseContract;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  test = await startApp(
    {
      chainEvents: { enabled: true, blocksPerCall: 500 },
      metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } },
    },
    { otherHosts: [node] },
  );
});
afterAll(async () => {
  await test.stop();
  await node.close();
  await anvil.stop();
});
beforeEach(async () => {
  cards = await anvil.deploy('AnnouncedCards');
});
afterEach(async () => {
  node.misbehaveAlways(undefined);
  await test.app.get(ChainWatcher).stop();
  await forgetWatches(test);
  await test.database.query('delete from nft_metadata.chain_cursors');
});

const { json, run } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: node.host,
  RPC_URLS: `${anvil.chainId}=${node.url}`,
  CHAIN_EVENTS: 'true',
}));

const word = (value: bigint | number) => toBeHex(value, 32).slice(2);
const update = (data: string) => anvil.send(cards, 'emitLog', [id('MetadataUpdate(uint256)')], `0x${data}`);
const updateAll = () =>
  anvil.send(cards, 'emitLog', [id('BatchMetadataUpdate(uint256,uint256)')], `0x${word(0)}${word(MaxUint256)}`);
const poll = () => test.app.get(ChainWatcher).runOnce();
const statuses = () => test.app.get(ChainStatuses).list();
const status = async () => (await statuses()).find(({ chainId }) => chainId === anvil.chainId)!;

/** The metrics of chains, each with its labels as Prometheus writes them. */
async function readMetrics(): Promise<Record<string, number>> {
  const { text } = await http(test.app).get('/metrics').expect(200);
  const lines = text.matchAll(/^nft_refresh_chain_(\w+)\{chain="31337",?(?:\w+="([\w-]+)")?\} ([\d.]+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, name, label, value]) => [[name, label].filter(Boolean).join(' '), Number(value)]),
  );
}

it('the metrics count the events of each kind and the failures of each reason, and show how far the chain is read', async () => {
  await aWatchedCollection(test, anvil, cards, { tokens: ['1'] });
  const before = await readMetrics();
  await update(word(1));
  await update(word(2));
  await updateAll();
  const { blockNumber } = await update('1234');
  await poll();
  node.misbehaveAlways({ status: 503 });
  await poll();
  await poll();

  const after = await readMetrics();

  const added = (name: string) => after[name]! - (before[name] ?? 0);
  expect(added('events_total metadata_update')).toBe(2);
  expect(added('events_total batch_metadata_update')).toBe(1);
  expect(added('events_total undecodable')).toBe(1);
  expect(added('poll_failures_total status_503')).toBe(2);
  expect(after).toMatchObject({ head_block: blockNumber, read_block: blockNumber, blocks_per_call: 500 });
});

it('the metrics show how many blocks and tokens of a chain wait, for how long it is not read, and for how long no node can be read', async () => {
  await aWatchedCollection(test, anvil, cards, { tokens: ['1'] });
  await update(word(1));
  await poll();
  const read = await readMetrics();
  node.misbehaveAlways({ status: 503 });
  await test.database.advance(60);
  await poll();
  await test.database.advance(30);
  const failing = await readMetrics();
  await anvil.mine(1200);
  let calls = 0;
  node.misbehaveAlways((responses, asked) => {
    const isRefused = asked.some(({ method }) => method === 'eth_getLogs') && (calls += 1) > 1;
    return isRefused
      ? responses.map((one) => ({ id: one.id, error: { code: -32_603, message: 'too busy' } }))
      : responses;
  });
  await poll();
  const behind = await readMetrics();

  expect(read).toMatchObject({ lag_blocks: 0, failing_seconds: 0, waiting_tokens: 1 });
  expect(read['unread_seconds']).toBeLessThan(30);
  expect(failing['unread_seconds']).toBeGreaterThanOrEqual(90);
  expect(failing['failing_seconds']).toBeGreaterThanOrEqual(30);
  expect(failing['failing_seconds']).toBeLessThan(60);
  expect(behind['lag_blocks']).toBeGreaterThanOrEqual(500);
  expect(behind['lag_blocks']).toBe(behind['head_block']! - behind['read_block']!);
});

it('a poll whose events the database did not take counts as a failure, and they are read again', async () => {
  await aWatchedCollection(test, anvil, cards, { tokens: ['1'] });
  const before = await readMetrics();
  await test.database.query('alter table nft_metadata.chain_logs rename to moved');
  await update(word(1));
  const watcher = test.app.get(ChainWatcher);

  watcher.start();
  await vi.waitFor(
    async () =>
      expect((await readMetrics())['poll_failures_total database']).toBeGreaterThan(
        before['poll_failures_total database'] ?? 0,
      ),
    { timeout: 10_000 },
  );
  await watcher.stop();
  await test.database.query('alter table nft_metadata.moved rename to chain_logs');
  await follow(test);

  expect(test.metadataApi.hits.get('1')).toBe(1);
});

it('a process that does not read the chain has no metrics of its progress', async () => {
  await aWatchedCollection(test, anvil, cards);
  expect(await readMetrics()).toHaveProperty('read_block');
  const other = (await test.anotherProcess()).get(ChainWatcher);
  await test.database.advance(8);
  await other.runOnce();

  await poll();

  const metrics = await readMetrics();
  expect(metrics).not.toHaveProperty('head_block');
  expect(metrics).not.toHaveProperty('read_block');
  await other.stop();
});

it('the state of a chain says who waits for what', async () => {
  const collection = { collections: 1, waitingTokens: 0, waitingRanges: 0 };
  expect(await statuses()).toMatchObject([{ chainId: anvil.chainId, state: 'idle', collections: 0, readBlock: null }]);

  const project = await watchCollection(test, anvil, cards, { tokens: ['1'] });
  expect(await status()).toMatchObject({ ...collection, state: 'waiting', headBlock: null });

  const { blockNumber } = await update(word(1));
  await poll();
  const { readAt, ...reading } = await status();
  expect(reading).toMatchObject({ ...collection, state: 'reading', headBlock: blockNumber, readBlock: blockNumber });
  expect(readAt).toBeInstanceOf(Date);

  await update(word(1));
  await updateAll();
  await poll();
  expect(await status()).toMatchObject({ ...collection, state: 'reading', waitingTokens: 1, waitingRanges: 1 });

  node.misbehaveAlways({ status: 503 });
  await poll();
  expect(await status()).toMatchObject({ state: 'failing', lastError: 'status_503', readBlock: blockNumber + 2 });
  expect((await status()).failingSince).toBeInstanceOf(Date);

  node.misbehaveAlways(undefined);
  await poll();
  expect(await status()).toMatchObject({ state: 'reading', lastError: null, failingSince: null });

  await test.database.advance(8); // The process that read it has ended.
  expect(await status()).toMatchObject({ state: 'waiting' });

  const elsewhere = await test.aProject({ chainId: 5 });
  await test.app.get(WatchedCollections).set(elsewhere.collectionId, { events: true });
  expect(await statuses()).toMatchObject([{ chainId: 5, state: 'off', collections: 1 }, { chainId: anvil.chainId }]);

  await test.app.get(WatchedCollections).set(project.collectionId, { events: false });
  expect(await status()).toMatchObject({ state: 'idle', collections: 0 });
});

it('cli chain status prints the same', async () => {
  await aWatchedCollection(test, anvil, cards, { tokens: ['1'] });
  await update(word(1));
  await poll();

  const { chains } = (await json('chain', 'status')) as { chains: object[] };
  const { out } = await run('chain', 'status');

  const expected: ChainStatus = await status();
  expect(chains).toEqual([
    {
      chain_id: anvil.chainId,
      state: 'reading',
      collections: 1,
      head_block: expected.headBlock,
      read_block: expected.readBlock,
      read_at: expected.readAt!.toISOString(),
      blocks_per_call: 500,
      failing_since: null,
      last_error: null,
      waiting_tokens: 1,
      waiting_ranges: 0,
      backfills: 0,
    },
  ]);
  expect(out).toMatch(/^chain_id: 31337 {2}state: \w+ {2}collections: 1 {2}head_block: \d+ {2}read_block: \d+ .*\n$/);
});

it('a chain that cannot be read does not make a process unready, and its health says so', async () => {
  await aWatchedCollection(test, anvil, cards);
  const ready = async () => (await http(test.app).get('/health/ready').expect(200)).body as object;
  expect(await ready()).toEqual({ status: 'ok' });

  node.misbehaveAlways((responses, calls) =>
    responses.map((one) => (calls[Number(one.id)]!.method === 'eth_chainId' ? { ...one, result: '0x5' } : one)),
  );
  await poll();
  expect(await ready()).toEqual({
    status: 'ok',
    degraded: [expect.stringMatching(/^chain 31337 is not read since \S+Z: wrong_chain$/)],
  });

  node.misbehaveAlways(undefined);
  await poll();
  expect(await ready()).toEqual({ status: 'ok' });
});
