import { ChainWatcher, WatchedCollections } from '@app/chain-events';
import { Refreshes } from '@app/metadata-refresh';
import { Anvil } from '@app/testing';
import { Collections } from '@app/token-store';
import { AbiCoder, id, MaxUint256, toBeHex, type BaseContract, type ContractTransactionReceipt } from 'ethers';
import { Client } from 'pg';
import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';
import { captureStatements, explainLargestStep } from './support/statements.js';
import { aWatchedCollection, follow, forgetWatches, readToken, takeFetches } from './support/watched-collection.js';

const PAST_SAFE = String(2n ** 53n + 1n);
const LAST = String(MaxUint256);
const word = (value: bigint | number | string) => toBeHex(BigInt(value), 32);
const words = (...values: (bigint | number | string)[]) => `0x${values.map((value) => word(value).slice(2)).join('')}`;

let anvil: Anvil;
let rpc: RpcHost;
/** The application of all tests that need no options of their own. */
let shared: TestApp;
let test: TestApp;
let cards: BaseContract;
beforeAll(async () => {
  anvil = await Anvil.start();
  rpc = await RpcHost.start(anvil);
  shared = await start();
});
afterAll(async () => {
  await shared.stop();
  await rpc.close();
  await anvil.stop();
});
beforeEach(async () => {
  test = shared;
  cards = await anvil.deploy('AnnouncedCards');
});
afterEach(async () => {
  if (test !== shared) await test.stop();
  await forgetWatches(shared);
});

const start = (chainEvents = {}) =>
  startApp(
    { chainEvents: { enabled: true, ...chainEvents }, metadataFetch: { rpcUrls: { [anvil.chainId]: rpc.url } } },
    { otherHosts: [rpc] },
  );
const watched = (options?: Parameters<typeof aWatchedCollection>[3]) => aWatchedCollection(test, anvil, cards, options);
const emit = (signature: string, indexed: readonly (bigint | number | string)[], data = '0x') =>
  anvil.send(cards, 'emitLog', [id(signature), ...indexed.map(word)], data);
const MetadataUpdate = (tokenId: bigint | number | string) => emit('MetadataUpdate(uint256)', [], word(tokenId));
const BatchMetadataUpdate = (from: bigint | number | string, to: bigint | number | string) =>
  emit('BatchMetadataUpdate(uint256,uint256)', [], words(from, to));

describe('which tokens an event refreshes', () => {
  const ALL = ['0', '1', '2', PAST_SAFE, LAST];

  it.each<[string, () => Promise<unknown>, string[]]>([
    ['MetadataUpdate(0)', () => MetadataUpdate(0), ['0']],
    ['MetadataUpdate(2^53+1)', () => MetadataUpdate(PAST_SAFE), [PAST_SAFE]],
    ['MetadataUpdate(2^256-1)', () => MetadataUpdate(LAST), [LAST]],
    ['MetadataUpdate of a token that is not registered', () => MetadataUpdate(3), []],
    ['BatchMetadataUpdate(1, 2)', () => BatchMetadataUpdate(1, 2), ['1', '2']],
    ['BatchMetadataUpdate(2, 2^53+1)', () => BatchMetadataUpdate(2, PAST_SAFE), ['2', PAST_SAFE]],
    ['BatchMetadataUpdate(3, 2^53), in which no token is registered', () => BatchMetadataUpdate(3, 2n ** 53n), []],
    ['BatchMetadataUpdate(0, 2^256-1)', () => BatchMetadataUpdate(0, LAST), ALL],
    [
      'BatchMetadataUpdate(0, 2^128), meant as all',
      () => BatchMetadataUpdate(0, 2n ** 128n),
      ['0', '1', '2', PAST_SAFE],
    ],
    [
      'URI of ERC-1155',
      () => emit('URI(string,uint256)', [PAST_SAFE], AbiCoder.defaultAbiCoder().encode(['string'], ['x'])),
      [PAST_SAFE],
    ],
    ['a dynamic trait', () => emit('TraitUpdated(bytes32,uint256,bytes32)', [1], words(2, 7)), ['2']],
    ['a pinned token URI', () => emit('TokenUriPinned(uint256,uint256)', [2, 1]), ['2']],
    ['an upgraded proxy', () => emit('Upgraded(address)', [7]), ALL],
  ])('%s refreshes exactly the registered tokens that it names [N1]', async (_, announce, expected) => {
    await watched({ tokens: ALL });

    await announce();
    await follow(test);

    expect(takeFetches(test)).toEqual(Object.fromEntries(expected.map((tokenId) => [tokenId, 1])));
  });

  it.each<[string, () => Promise<unknown>, string[]]>([
    ['an indexed id', () => emit('MetadataUpdate(uint256)', [PAST_SAFE]), [PAST_SAFE]],
    ['an indexed range', () => emit('BatchMetadataUpdate(uint256,uint256)', [1, 2]), ['1', '2']],
    ['an indexed beginning', () => emit('BatchMetadataUpdate(uint256,uint256)', [1], word(2)), ['1', '2']],
  ])('an event with %s is understood as well [N2]', async (_, announce, expected) => {
    await watched({ tokens: ALL });

    await announce();
    await follow(test);

    expect(Object.keys(takeFetches(test))).toEqual(expected);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['is truncated', () => emit('MetadataUpdate(uint256)', [], '0x1234')],
    ['has no arguments', () => emit('MetadataUpdate(uint256)', [])],
    ['is inverted', () => BatchMetadataUpdate(2, 1)],
  ])('an event that %s is skipped, logged once, and those after it are read [N2]', async (_, announce) => {
    await watched({ tokens: ALL });
    const lines: string[] = [];
    const log = (line: unknown) => lines.push(JSON.stringify(line));
    test.app.useLogger({ log, warn: log, error: log, debug: log, verbose: log, fatal: log });

    await announce();
    await MetadataUpdate(2);
    await follow(test);
    await anvil.mine(1);
    await follow(test);
    test.app.useLogger(false);

    expect(takeFetches(test)).toEqual({ 2: 1 });
    expect(lines.filter((line) => line.includes('its arguments do not match its signature'))).toHaveLength(1);
  });

  it('events before the collection was watched refresh nothing', async () => {
    await MetadataUpdate(1);
    await watched({ tokens: ['1'] });

    await anvil.mine(1);
    await follow(test);

    expect(takeFetches(test)).toEqual({});
  });

  it('events of other contracts refresh nothing', async () => {
    await watched({ tokens: ['1'] });
    const other = await anvil.deploy('AnnouncedCards');

    await anvil.send(other, 'emitLog', [id('MetadataUpdate(uint256)')], word(1));
    await follow(test);

    expect(takeFetches(test)).toEqual({});
  });
});

describe('reorganisations of the chain', () => {
  it('after a reorg, a change in blocks that the chain dropped is fetched again, and the record shows what the chain says now [N3]', async () => {
    await anvil.send(cards, 'mint', 1, `${test.metadataApi.url}/before`);
    const project = await test.aProject({
      tokens: ['1'],
      contract: { chainId: anvil.chainId, address: await cards.getAddress() },
    });
    await test.app.get(WatchedCollections).set(project.collectionId, { events: true });
    await test.app.get(ChainWatcher).runOnce();
    await anvil.mine(3);
    await anvil.send(cards, 'setUri', 1, `${test.metadataApi.url}/orphaned`);
    await anvil.mine(1);
    await follow(test);
    expect(await readToken(test, project, '1')).toMatchObject({ name: 'Token orphaned' });

    await anvil.reorganise(2);
    await follow(test, 60);

    expect(await readToken(test, project, '1')).toMatchObject({ name: 'Token before' });
  });
});

describe('coalescing', () => {
  it('10,000 events about 15 tokens cost 15 fetches, and 15 more at the end [N8]', async () => {
    const tokens = Array.from({ length: 15 }, (_, index) => String(index + 1));
    await watched({ tokens });

    await anvil.send(cards, 'storm', 5000, 15);
    await follow(test);
    expect(takeFetches(test)).toEqual(Object.fromEntries(tokens.map((tokenId) => [tokenId, 1])));

    for (let round = 0; round < 2; round += 1) {
      await anvil.send(cards, 'storm', 2500, 15);
      await follow(test, 1);
    }
    expect(takeFetches(test)).toEqual({});

    await follow(test, 60);
    expect(takeFetches(test)).toEqual(Object.fromEntries(tokens.map((tokenId) => [tokenId, 1])));
    await follow(test, 3600);
    expect(takeFetches(test)).toEqual({});
  });

  it('an event of a token that is being fetched causes one more fetch afterwards [N9]', async () => {
    const project = await watched({ tokens: ['1'] });
    test.metadataApi.script(
      '1',
      { status: 200, body: { name: 'Old' }, before: async () => void (await MetadataUpdate(1)) },
      { status: 200, body: { name: 'New' } },
    );

    await MetadataUpdate(1);
    await follow(test);
    await follow(test, 60);

    expect(takeFetches(test)).toEqual({ 1: 2 });
    expect(await readToken(test, project, '1')).toMatchObject({ name: 'New' });
  });

  it('an event whose settle time is not over when its token is refreshed for another one is fetched later as well', async () => {
    await watched({ tokens: ['1'] });
    const watcher = test.app.get(ChainWatcher);
    await MetadataUpdate(1);
    await watcher.runOnce();
    await test.database.advance(4);
    await MetadataUpdate(1);
    await watcher.runOnce();

    await follow(test, 1);
    expect(takeFetches(test)).toEqual({ 1: 1 });
    await follow(test, 60);
    expect(takeFetches(test)).toEqual({ 1: 1 });
  });

  it('more than a hundred waiting ranges become one, and no token is missed', async () => {
    const tokens = Array.from({ length: 220 }, (_, index) => String(index));
    await watched({ tokens });
    await anvil.sendAll(
      Array.from({ length: 110 }, (_, index) => [
        cards,
        'emitLog',
        [id('BatchMetadataUpdate(uint256,uint256)')],
        words(2 * index, 2 * index + 1),
      ]),
    );

    await follow(test);

    expect(Object.keys(takeFetches(test))).toEqual(tokens);
  });

  it('events of a collection refresh at most its tokens per hour, and the rest follow in the next hour', async () => {
    test = await start({ eventTokensPerHour: 10 });
    const tokens = Array.from({ length: 15 }, (_, index) => String(index + 1));
    await watched({ tokens });

    await anvil.send(cards, 'storm', 15, 15);
    await follow(test);
    expect(Object.keys(takeFetches(test))).toHaveLength(10);

    await follow(test, 3600);
    expect(Object.keys(takeFetches(test))).toHaveLength(5);
  });
});

describe('several processes', () => {
  it('a process that stands by does not wait for the one that reads the chain and is saving', async () => {
    await watched({ tokens: ['1'] });
    const other = (await test.anotherProcess()).get(ChainWatcher);
    const saving = new Client(test.database.url);
    await saving.connect();
    await saving.query('begin');
    await saving.query('select from nft_metadata.chain_cursors for update');

    const results = new Set<string>();
    const poll = other.runOnce().then((chains) => results.add(chains.get(anvil.chainId)!.kind));
    try {
      // While the other one is saving, however long that takes.
      await vi.waitFor(() => expect(results).toEqual(new Set(['standby'])), { timeout: 20_000 });
    } finally {
      await saving.end();
      await poll;
    }
  });
});

describe('what follows the collections', () => {
  it('a collection that is removed is not asked for any more [N17]', async () => {
    const project = await watched({ tokens: ['1'] });
    await MetadataUpdate(1);
    await test.app.get(ChainWatcher).runOnce();
    const address = (await cards.getAddress()).toLowerCase();
    const asked = () =>
      rpc.requests
        .flat()
        .filter(({ method, params }) => method === 'eth_getLogs' && JSON.stringify(params).includes(address));
    expect(asked().length).toBeGreaterThan(0);

    await test.app.get(Collections).remove(project.collectionId);
    rpc.requests.length = 0;
    await anvil.mine(1);
    await follow(test);

    expect(rpc.requests).toEqual([]);
    expect(takeFetches(test)).toEqual({});
  });

  it('the events of a collection are no longer read when they are switched off, and waiting tokens are dropped', async () => {
    const project = await watched({ tokens: ['1'] });
    await MetadataUpdate(1);
    await test.app.get(ChainWatcher).runOnce();

    await test.worker.runOnce(); // It reads the record of the collection.
    await test.app.get(WatchedCollections).set(project.collectionId, { events: false });
    rpc.requests.length = 0;
    await follow(test);

    expect(rpc.requests).toEqual([]);
    expect(takeFetches(test)).toEqual({});
  });

  it('1,500 watched collections cost the same few calls with each block [N18]', async () => {
    await watched({ tokens: ['1'] });
    const collections = test.app.get(Collections);
    const [first] = await collections.list();
    await test.database.query(
      `insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url, created_at)
       select gen_random_uuid(), $1, '0x' || lpad(to_hex(n), 40, '0'), $2, 'metadata_api', 'http://example.com', now()
       from generate_series(1, 1499) as n`,
      [anvil.chainId, first!.projectId],
    );
    await test.database.query(
      `insert into nft_metadata.watched_collections (collection_id, events) select id, true from nft_metadata.collections
       where metadata_url = 'http://example.com'`,
    );
    await test.app.get(ChainWatcher).runOnce();
    const callsOf = async () => {
      rpc.requests.length = 0;
      await anvil.mine(1);
      await test.app.get(ChainWatcher).runOnce();
      return { requests: rpc.requests.length, calls: rpc.requests.flat().length };
    };

    const calls = [await callsOf(), await callsOf(), await callsOf()];

    // The head, and one request with 15 groups of addresses for two filters, and the proof that the node has the block.
    expect(calls).toEqual([1, 2, 3].map(() => ({ requests: 2, calls: 2 + 31 })));
    const groups = rpc.requests.flat().filter(({ method }) => method === 'eth_getLogs');
    const addresses = groups.map(({ params }) => (params[0] as { address: string[] }).address.length);
    expect(Math.max(...addresses)).toBe(100);
    await MetadataUpdate(1);
    await follow(test);
    expect(takeFetches(test)).toEqual({ 1: 1 });
  });

  it('without a new block no log is asked for', async () => {
    await watched({ tokens: ['1'] });
    rpc.requests.length = 0;

    await test.app.get(ChainWatcher).runOnce();

    expect(rpc.requests.flat().map(({ method }) => method)).toEqual(['eth_chainId', 'eth_getBlockByNumber']);
  });

  it('with events off no node is called [N19]', async () => {
    rpc.requests.length = 0;
    test = await start({ enabled: false });
    await watched({ tokens: ['1'] });

    await MetadataUpdate(1);
    await follow(test);

    expect(rpc.requests).toEqual([]);
    expect(takeFetches(test)).toEqual({});
  });
});

describe('stops', () => {
  it('the first collection that is watched after a long time without one begins at the newest block, at once', async () => {
    test = await start({ maxCatchUpBlocks: 200 });
    const project = await watched({ tokens: ['1'] });
    const watches = test.app.get(WatchedCollections);
    for (const idleBlocks of [150, 300]) {
      await watches.set(project.collectionId, { events: false });
      await anvil.mine(idleBlocks);
      rpc.requests.length = 0;
      await watches.set(project.collectionId, { events: true });

      expect(await test.app.get(ChainWatcher).runOnce()).toEqual(new Map([[anvil.chainId, { kind: 'read' }]]));

      const ranges = rpc.requests.flat().filter(({ method }) => method === 'eth_getLogs');
      const { fromBlock, toBlock } = ranges[0]!.params[0] as { fromBlock: string; toBlock: string };
      expect(Number(toBlock) - Number(fromBlock)).toBe(63);
    }
    await follow(test);
    expect(takeFetches(test)).toEqual({});
  });

  it('200 blocks of events while the watcher was stopped are read afterwards, each token once [N4]', async () => {
    const tokens = Array.from({ length: 20 }, (_, index) => String(index + 1));
    await watched({ tokens });
    for (let block = 0; block < 200; block += 10) {
      await anvil.send(cards, 'storm', 20, 20);
      await anvil.mine(9);
    }

    await follow(test);
    await follow(test, 600);

    expect(takeFetches(test)).toEqual(Object.fromEntries(tokens.map((tokenId) => [tokenId, 1])));
  });

  it('after a stop that is longer than what is read afterwards, all tokens are refreshed once', async () => {
    test = await start({ maxCatchUpBlocks: 50 });
    await watched({ tokens: ['1', '2', '3'] });
    await MetadataUpdate(1);
    await anvil.mine(100);

    // A node that says so once is not believed.
    for (let poll = 0; poll < 3; poll += 1) await test.app.get(ChainWatcher).runOnce();
    expect(takeFetches(test)).toEqual({});
    await follow(test);

    expect(takeFetches(test)).toEqual({ 1: 1, 2: 1, 3: 1 });
  });
});

describe('a large collection', () => {
  it('tokens that events have named are claimed by their keys, when statistics are of another collection', async () => {
    test = await start({ eventTokensPerHour: 10_000_000 });
    const wait = (collectionId: string, tokens: number) =>
      test.database.query(
        `with token as (
           insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int) returning *
         )
         insert into nft_metadata.event_tokens (collection_id, token_id, due_at, event_at, kind, block_number)
         select collection_id, token_id, now(), now(), 'gap', 1 from token`,
        [collectionId, tokens],
      );
    const [other, project] = [await test.aProject(), await watched()];
    await wait(other.collectionId, 5000);
    await test.database.query('analyze nft_metadata.event_tokens');
    await wait(project.collectionId, 10_000);

    const statements = await captureStatements(() => test.app.get(ChainWatcher).runOnce());
    await test.database.query('update nft_metadata.event_tokens set due_at = now(), claimed_at = null');
    const claim = statements.findIndex(({ text }) => /set claimed_at = now\(\)/.test(text));

    // The statement before it has the settings of its plan.
    expect(await explainLargestStep(test.database.url, statements.slice(claim - 1, claim + 1))).toBe(1000);
  });

  it('an event about all of 100,000 tokens is one refresh, and does not delay another project [N12]', async () => {
    test = await start({ eventTokensPerHour: 10_000_000 });
    const project = await watched({ tokens: ['0'] });
    await test.database.query(
      `insert into nft_metadata.tokens (collection_id, token_id) select $1, n from generate_series(1, 99999) as n`,
      [project.collectionId],
    );
    const other = await test.aProject({ tokens: ['7'] });
    await BatchMetadataUpdate(0, LAST);
    const watcher = test.app.get(ChainWatcher);
    await watcher.runOnce();
    await test.database.advance(5);
    await watcher.runOnce();

    const [refresh] = await test.database.query<{ total: number; trigger: string }>(
      'select total, trigger from nft_metadata.refreshes',
    );
    expect(refresh).toEqual({ total: 100_000, trigger: 'event' });
    const refreshId = await requestRefresh(test.app, other, ['7']);
    test.worker.start();
    await vi.waitFor(
      async () => expect(await readRefresh(test.app, other, refreshId)).toMatchObject({ status: 'completed' }),
      { timeout: 10_000 },
    );
    await test.worker.stop();
    const eventRefreshes = () =>
      test.database.query('select id from nft_metadata.refreshes where trigger = $1 order by created_at', ['event']);

    // Again within ten minutes: it waits.
    await BatchMetadataUpdate(0, LAST);
    await watcher.runOnce();
    await test.database.advance(60);
    await watcher.runOnce();
    expect(await eventRefreshes()).toHaveLength(1);
    // Later: it waits for the end of the first one, and meanwhile the tokens are not counted again and again.
    await test.database.advance(600);
    const statements = await captureStatements(() => watcher.runOnce());
    expect(await eventRefreshes()).toHaveLength(1);
    expect(await explainLargestStep(test.database.url, statements)).toBeLessThan(5000);
    const [first] = (await eventRefreshes()) as [{ id: string }];
    await test.app.get(Refreshes).cancel(first.id);
    await test.database.advance(600);
    await watcher.runOnce();
    expect(await eventRefreshes()).toHaveLength(2);
  });
});

it('the receipt and the attempts of a token name the event that caused them [N20]', async () => {
  const project = await watched({ tokens: ['1', '2', '3'] });
  const first = await MetadataUpdate(1);
  const second = await BatchMetadataUpdate(2, 3);
  await follow(test);

  const eventOf = (kind: string, { hash, blockNumber, logs }: ContractTransactionReceipt) => ({
    kind,
    chain_id: anvil.chainId,
    transaction_hash: hash,
    block_number: blockNumber,
    log_index: logs[0]!.index,
  });
  const eventOfAttempt = async (tokenId: string) => {
    const path = `/v1/collections/${project.collectionAddress}/tokens/${tokenId}/attempts`;
    const { body } = await http(test.app).get(path).set('x-api-key', project.apiKey).expect(200);
    const [attempt] = (body as { result: { refresh_id: string; event: object }[] }).result;
    return attempt!;
  };
  expect((await eventOfAttempt('1')).event).toEqual(eventOf('metadata_update', first));
  expect((await eventOfAttempt('2')).event).toEqual(eventOf('batch_metadata_update', second));
  const refresh = await readRefresh(test.app, project, (await eventOfAttempt('3')).refresh_id);
  expect(refresh).toMatchObject({ trigger: 'event', event: eventOf('batch_metadata_update', second) });
});

it('refreshes for events are listed only when they are asked for, and count towards no limit of the project', async () => {
  const project = await watched({ tokens: ['1'] });
  await MetadataUpdate(1);
  await follow(test);

  const list = async (query: string) => {
    const request = http(test.app).get(`/v1/metadata-refreshes${query}`).set('x-api-key', project.apiKey);
    return ((await request.expect(200)).body as { result: object[] }).result;
  };
  expect(await list('')).toEqual([]);
  expect(await list('?trigger=event')).toMatchObject([{ trigger: 'event', summary: { succeeded: 1 } }]);
  const { body } = await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  const { limit, remaining } = (body as { tokens_per_hour: { limit: number; remaining: number } }).tokens_per_hour;
  expect(remaining).toBe(limit);
});
