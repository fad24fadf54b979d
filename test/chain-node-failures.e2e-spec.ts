import { ChainWatcher } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { id, toBeHex, type BaseContract } from 'ethers';
import { RpcHost, type Call, type RpcBehaviour } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';
import {
  aWatchedCollection,
  follow,
  forgetChain,
  forgetWatches,
  readToken,
  takeFetches,
  watchCollection,
} from './support/watched-collection.js';

let anvil: Anvil;
let nodes: RpcHost[];
let test: TestApp;
let cards: BaseContract;
/** The applications that have started, by their settings. */
const apps = new Map<string, TestApp>();
beforeAll(async () => {
  anvil = await Anvil.start();
  nodes = [await RpcHost.start(anvil), await RpcHost.start(anvil)];
});
afterAll(async () => {
  for (const app of apps.values()) await app.stop();
  for (const node of nodes) await node.close();
  await anvil.stop();
});
beforeEach(async () => {
  cards = await anvil.deploy('AnnouncedCards');
});
afterEach(async () => {
  for (const node of nodes) {
    node.misbehaveAlways(undefined);
    node.onRequest = () => {};
    node.requests.length = 0;
  }
  await forgetWatches(test);
  await forgetChain(test);
});

/** An application with the first nodes, and a watched collection of ten tokens. Tests with the same settings share it. */
async function startWatching(nodeCount = 1, chainEvents = {}): Promise<RpcHost> {
  const settings = JSON.stringify({ nodeCount, chainEvents });
  const rpcUrls = { [anvil.chainId]: nodes.slice(0, nodeCount).map(({ url }) => url) };
  test =
    apps.get(settings) ??
    (await startApp(
      { chainEvents: { enabled: true, ...chainEvents }, metadataFetch: { rpcUrls } },
      { otherHosts: nodes },
    ));
  apps.set(settings, test);
  await aWatchedCollection(test, anvil, cards, { tokens: Array.from({ length: 10 }, (_, index) => String(index)) });
  return nodes[0]!;
}

const update = (tokenId: number) => anvil.send(cards, 'emitLog', [id('MetadataUpdate(uint256)')], toBeHex(tokenId, 32));
const poll = async () => (await test.app.get(ChainWatcher).runOnce()).get(anvil.chainId)!;
const cursor = async () => {
  const [row] = await test.database.query<{
    next_block: string;
    span: number;
    span_limit: number | null;
    last_error: string | null;
  }>('select next_block, span, span_limit, last_error from nft_metadata.chain_cursors');
  return row!;
};

/** Changes the result of each call of this method. */
const onEach =
  (method: string, change: (call: Call, result: unknown) => object): RpcBehaviour =>
  (responses, calls) =>
    responses.map((one) => {
      const call = calls[Number(one.id)]!;
      if (call.method !== method) return one;
      const { result: _, error: __, ...rest } = one;
      return { ...rest, ...change(call, one['result']) };
    });
const hex = (value: number) => `0x${value.toString(16)}`;
const failing = (code: number, message: string) => onEach('eth_getLogs', () => ({ error: { code, message } }));
const ofAnotherChain = onEach('eth_chainId', () => ({ result: '0x5' }));

it.each<[string, RpcBehaviour, string]>([
  ['is down', 'closes immediately', 'connection_reset'],
  ['responds with 503', { status: 503 }, 'status_503'],
  ['responds with 429', { status: 429, headers: { 'retry-after': '7' } }, 'status_429'],
  ['is rate-limited within a 200', failing(-32_005, 'daily request count exceeded, request rate limited'), 'throttled'],
  ['fails internally', failing(-32_603, 'internal error'), 'error_-32603'],
  ['serves another chain', ofAnotherChain, 'wrong_chain'],
  [
    'does not have the blocks that it announced',
    onEach('eth_getBlockTransactionCountByNumber', () => ({ result: null })),
    'behind',
  ],
  [
    'says that the blocks are beyond its head',
    failing(-32_602, 'block range extends beyond current head block'),
    'behind',
  ],
  ['returns no list', onEach('eth_getLogs', () => ({ result: {} })), 'no_result'],
  ['returns no block', onEach('eth_getBlockByNumber', () => ({ result: null })), 'no_result'],
])('while the node %s, nothing is missed and nothing is believed [N5]', async (_, behaviour, reason) => {
  const node = await startWatching();
  await update(1);
  const before = await cursor();
  node.misbehaveAlways(behaviour);

  for (let minute = 0; minute < 3; minute += 1) {
    expect(await poll()).toMatchObject({ kind: 'failed', reason });
    await test.database.advance(20);
  }
  expect(await cursor()).toEqual({ ...before, last_error: reason });
  await update(2);
  node.misbehaveAlways(undefined);
  await follow(test);

  expect(takeFetches(test)).toEqual({ 1: 1, 2: 1 });
  expect(await cursor()).toMatchObject({ span: before.span, last_error: null });
});

it('a node that asks to wait is not called before [N5]', async () => {
  const node = await startWatching(1, { pollIntervalMs: 100 });
  node.misbehaveAlways({ status: 429, headers: { 'retry-after': '3' } });
  const times: number[] = [];
  node.onRequest = () => times.push(performance.now());

  test.app.get(ChainWatcher).start();
  await vi.waitFor(() => expect(times.length).toBe(2), { timeout: 15_000, interval: 20 });
  await test.app.get(ChainWatcher).stop();

  expect(times[1]! - times[0]!).toBeGreaterThan(2900);
});

it('while the first of two nodes fails, the second one is read without a delay [N5]', async () => {
  const node = await startWatching(2);
  node.misbehaveAlways(ofAnotherChain);
  await update(1);

  expect(await poll()).toEqual({ kind: 'read' });
  await follow(test);

  expect(takeFetches(test)).toEqual({ 1: 1 });
});

it('while the first of two nodes has fallen behind, the second one is read [N5]', async () => {
  const node = await startWatching(2, { overlapBlocks: 5 });
  await anvil.mine(20);
  await poll();
  node.misbehaveAlways(
    onEach('eth_getBlockByNumber', (_, block) => ({ result: { ...(block as object), number: '0x1' } })),
  );
  await update(1);

  await follow(test);

  expect(takeFetches(test)).toEqual({ 1: 1 });
});

const withHead = (number: number) =>
  onEach('eth_getBlockByNumber', (_, block) => ({
    result: { ...(block as object), number: hex(number), hash: toBeHex(number, 32) },
  }));

it('a newest block that a node makes up does not move the cursor, whether it is far ahead or has no logs [N5]', async () => {
  const node = await startWatching();
  const before = await cursor();

  for (const made of [1_000_000_000, Number(before.next_block) + 50]) {
    node.misbehaveAlways(withHead(made));
    expect(await poll()).toMatchObject({ kind: 'failed' });
    node.misbehaveAlways(undefined);
    await update(1);
    expect(await poll()).toEqual({ kind: 'read' });
  }

  await follow(test);
  expect(takeFetches(test)).toEqual({ 1: 1 });
});

it('if all nodes are behind for ten minutes, the chain is read from their newest block, and all tokens are refreshed [N5]', async () => {
  const node = await startWatching(1, { overlapBlocks: 5 });
  await anvil.mine(20);
  await poll();
  node.misbehaveAlways(withHead(3));
  for (let minute = 0; minute < 10; minute += 1) {
    expect(await poll()).toMatchObject({ kind: 'failed', reason: 'behind' });
    await test.database.advance(61);
  }

  await follow(test);

  expect(Object.keys(takeFetches(test))).toHaveLength(10);
  expect(await cursor()).toMatchObject({ next_block: '4', last_error: null });
});

it('a chain that has begun again is followed, also in blocks before the one at which a collection was first watched [N5]', async () => {
  const beginning = await anvil.snapshot();
  await anvil.mine(50);
  await startWatching(1, { overlapBlocks: 5 });
  await anvil.revert(beginning);
  await anvil.mine(1);
  for (let minute = 0; minute < 11; minute += 1) {
    await poll();
    await test.database.advance(61);
  }
  await follow(test);
  takeFetches(test);

  await update(1);
  await follow(test, 600);

  expect(takeFetches(test)).toEqual({ 1: 1 });
});

it.each([
  { chain: 'that was read before', isRead: true },
  { chain: 'that was never read', isRead: false },
])(
  'a collection that is first watched while a node makes up the newest block of a chain $chain is followed [N5]',
  async ({ isRead }) => {
    const node = nodes[0]!;
    const rpcUrls = { [anvil.chainId]: node.url };
    test = await startApp({ chainEvents: { enabled: true }, metadataFetch: { rpcUrls } }, { otherHosts: nodes });
    if (isRead) await aWatchedCollection(test, anvil, await anvil.deploy('AnnouncedCards'));
    node.misbehaveAlways(withHead(50_000));
    await watchCollection(test, anvil, cards, { tokens: ['1'] });
    expect(await poll()).toMatchObject({ kind: 'failed' });
    node.misbehaveAlways(undefined);
    await poll();

    await update(1);
    await follow(test);

    expect(takeFetches(test)).toEqual({ 1: 1 });
  },
);

it('an empty list of logs near the head is not trusted: the events are read with the next block [N5]', async () => {
  const node = await startWatching();
  await update(1);
  node.misbehaveAlways(onEach('eth_getLogs', () => ({ result: [] })));
  await poll();
  node.misbehaveAlways(undefined);
  await anvil.mine(1);

  await follow(test);

  expect(takeFetches(test)).toEqual({ 1: 1 });
});

it('events that a node leaves out once have not vanished [N5]', async () => {
  const node = await startWatching();
  await update(1);
  await follow(test);
  takeFetches(test);
  await anvil.mine(1);
  let reads = 0;
  node.misbehaveAlways((responses, calls) => {
    const isRead = calls.some(({ method }) => method === 'eth_getLogs');
    if (isRead) reads += 1;
    return isRead && reads === 1
      ? responses.map((one) => (Array.isArray(one['result']) ? { ...one, result: [] } : one))
      : responses;
  });

  await follow(test, 600);

  expect(reads).toBe(2);
  expect(takeFetches(test)).toEqual({});
});

it.each<[string, (log: Record<string, unknown>) => object]>([
  ['of other contracts', (log) => ({ ...log, address: `0x${'11'.repeat(20)}` })],
  ['of blocks that were not asked for', (log) => ({ ...log, blockNumber: '0xffffff' })],
  ['of pending blocks', (log) => ({ ...log, blockNumber: null, blockHash: null })],
  ['without topics', (log) => ({ ...log, topics: undefined })],
  ['that are removed', (log) => ({ ...log, removed: true })],
])('logs %s are not believed', async (_, change) => {
  const node = await startWatching();
  await update(1);
  node.misbehaveAlways(
    onEach('eth_getLogs', (_call, logs) => ({ result: (logs as Record<string, unknown>[]).map(change) })),
  );

  await follow(test);

  expect(takeFetches(test)).toEqual({});
});

it('a log that is read several times, or out of order, is one event', async () => {
  const node = await startWatching();
  await update(1);
  await update(2);
  node.misbehaveAlways(
    onEach('eth_getLogs', (_, logs) => ({ result: [...(logs as object[]), ...(logs as object[]).toReversed()] })),
  );

  await follow(test);
  await follow(test, 600);

  expect(takeFetches(test)).toEqual({ 1: 1, 2: 1 });
});

const blocksOf = ({ params }: Call) => {
  const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
  return { from: Number(fromBlock), blocks: Number(toBlock) - Number(fromBlock) + 1 };
};

describe('limits of providers', () => {
  it.each<[string, (from: number) => string, { fixed: boolean }]>([
    [
      'with a range that works',
      (from) => `query returned more than 10000 results. Try with this block range [${hex(from)}, ${hex(from + 9)}].`,
      { fixed: false },
    ],
    [
      'with a range in decimals',
      (from) => `query exceeds max results 20000, retry with the range ${from}-${from + 9}`,
      { fixed: false },
    ],
    ['with a number of blocks', () => 'eth_getLogs is limited to a 10 range', { fixed: true }],
    ['with a number after the words', () => 'exceed maximum block range: 10', { fixed: true }],
    [
      'in a sentence',
      () => 'Log response size exceeded. You can make eth_getLogs requests with up to a 10 block range.',
      { fixed: true },
    ],
    ['without a number', () => 'query returned more than 10000 results', { fixed: false }],
  ])(
    'a provider that refuses more than 10 blocks %s is asked for fewer, and all events are read [N6]',
    async (_, message, { fixed }) => {
      const node = await startWatching(1, { overlapBlocks: 10 });
      for (let tokenId = 0; tokenId < 10; tokenId += 1) {
        await update(tokenId);
        await anvil.mine(20);
      }
      node.misbehaveAlways(
        onEach('eth_getLogs', (call, result) => {
          const { from, blocks } = blocksOf(call);
          return blocks > 10 ? { error: { code: -32_005, message: message(from) } } : { result };
        }),
      );

      expect(await poll()).toEqual({ kind: 'read' });
      await follow(test);

      expect(Object.keys(takeFetches(test))).toHaveLength(10);
      const { span, span_limit: limit } = await cursor();
      expect(span).toBeLessThanOrEqual(11);
      expect(limit).toBe(fixed ? 10 : null);
      // With a limit that the provider has named, no call is refused any more.
      node.requests.length = 0;
      await anvil.mine(100);
      await poll();
      const refused = node.requests
        .flat()
        .filter((call) => call.method === 'eth_getLogs' && blocksOf(call).blocks > 10);
      if (fixed) expect(refused).toEqual([]);
      expect(await cursor()).toMatchObject({ last_error: null });
    },
  );

  it('a span that was guessed grows slowly when all calls succeed [N6]', async () => {
    const node = await startWatching(1, { overlapBlocks: 4, blocksPerCall: 100 });
    const limited = onEach('eth_getLogs', (call, result) =>
      blocksOf(call).blocks > 20 ? { error: { code: -32_000, message: 'block range is too wide' } } : { result },
    );
    await anvil.mine(300);
    node.misbehaveAlways(limited);
    await poll();
    const { span: shrunk } = await cursor();
    node.misbehaveAlways(undefined);

    await anvil.mine(200);
    await poll();

    const { span: grown } = await cursor();
    expect(shrunk).toBeLessThanOrEqual(20);
    expect(grown).toBeGreaterThan(shrunk);
    expect(grown).toBeLessThan(shrunk * 2);
  });

  it('one block with more events of a contract than the provider returns refreshes all tokens of that contract, and others are read', async () => {
    const node = await startWatching(1, { overlapBlocks: 4 });
    const other = await anvil.deploy('AnnouncedCards');
    await aWatchedCollection(test, anvil, other, { tokens: ['77'] });
    await update(1);
    await anvil.send(other, 'emitLog', [id('MetadataUpdate(uint256)')], toBeHex(77, 32));
    const address = (await cards.getAddress()).toLowerCase();
    node.misbehaveAlways(
      onEach('eth_getLogs', (call, result) => {
        const { address: addresses } = call.params[0] as unknown as { address: string[] };
        return addresses.includes(address) && (result as object[]).length > 0
          ? { error: { code: -32_005, message: 'query returned more than 10000 results' } }
          : { result };
      }),
    );

    await follow(test);

    expect(Object.keys(takeFetches(test))).toHaveLength(11);
  });

  it('events of a block that a provider does not return any more have not vanished', async () => {
    const node = await startWatching(1, { overlapBlocks: 4 });
    const other = await anvil.deploy('AnnouncedCards');
    const project = await aWatchedCollection(test, anvil, other, { tokens: ['77', '78'] });
    await anvil.send(other, 'mint', 77, 'ipfs://unused');
    await anvil.send(other, 'burn', 77);
    await follow(test);
    const burned = { burned_at: expect.stringContaining('T') as string };
    expect(await readToken(test, project, '77')).toMatchObject(burned);
    const address = (await other.getAddress()).toLowerCase();
    node.misbehaveAlways(
      onEach('eth_getLogs', (call, result) => {
        const { address: addresses } = call.params[0] as unknown as { address: string[] };
        return addresses.includes(address) && (result as object[]).length > 0
          ? { error: { code: -32_005, message: 'query returned more than 10000 results' } }
          : { result };
      }),
    );
    await anvil.mine(1);
    await follow(test);
    expect(takeFetches(test)).toEqual({ 78: 1 });
    expect(await readToken(test, project, '77')).toMatchObject(burned);

    node.misbehaveAlways(undefined);
    await anvil.mine(1);
    await follow(test, 600);

    expect(takeFetches(test)).toEqual({});
    expect(await readToken(test, project, '77')).toMatchObject(burned);
  });
});
