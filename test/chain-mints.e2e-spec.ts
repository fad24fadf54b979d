import { ChainWatcher } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { TokenStore } from '@app/token-store';
import { AbiCoder, id, MaxUint256, toBeHex, type BaseContract } from 'ethers';
import { holdEventDeletions } from './support/held-claims.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { aWatchedCollection, follow, forgetWatches, readToken, takeFetches } from './support/watched-collection.js';

let anvil: Anvil;
/** The application of all tests that need no options of their own. */
let shared: TestApp;
let test: TestApp;
let cards: BaseContract;
beforeAll(async () => {
  anvil = await Anvil.start();
  shared = await start();
});
afterAll(async () => {
  await shared.stop();
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
    { chainEvents: { enabled: true, ...chainEvents }, metadataFetch: { rpcUrls: { [anvil.chainId]: anvil.url } } },
    { otherHosts: [{ host: new URL(anvil.url).host }] },
  );
const discovering = () => aWatchedCollection(test, anvil, cards, { watch: { discover: 'mints' } });
const tokensOf = async ({ collectionId }: TestProject) =>
  (await test.app.get(TokenStore).listTokens({ collectionId, limit: 1000 })).map(({ tokenId }) => tokenId);
const mint = (tokenId: number | bigint) => anvil.send(cards, 'mint', tokenId, 'ipfs://unused');

const [ZERO, ALICE] = [0n, 0xa11cen];
const word = (value: bigint | number) => toBeHex(value, 32);
const emit = (signature: string, indexed: readonly (bigint | number)[], data = '0x') =>
  anvil.send(cards, 'emitLog', [id(signature), ...indexed.map(word)], data);

it('the document of a mint that is missing for half a minute is fetched without being asked for [N10]', async () => {
  const project = await discovering();
  test.metadataApi.script(
    '5',
    { status: 404, body: 'not yet' },
    { status: 404, body: 'not yet' },
    { status: 200, body: { name: 'Fox' } },
  );

  await mint(5);
  await follow(test);
  expect(await readToken(test, project, '5')).toMatchObject({ name: null });
  for (let seconds = 0; seconds < 60; seconds += 10) await follow(test, 10);

  expect(await readToken(test, project, '5')).toMatchObject({ name: 'Fox', metadata_status: 'ok' });
  expect(takeFetches(test)).toEqual({ 5: 3 });
  for (let minute = 0; minute < 15; minute += 1) await follow(test, 60);
  expect(takeFetches(test)).toEqual({});
});

it('the document of a mint that never comes is tried with growing pauses for ten minutes, and then no more [N10]', async () => {
  const project = await discovering();
  test.metadataApi.respond('5', 404);

  await mint(5);
  const fetchesByMinute: number[] = [];
  for (let minute = 0; minute < 20; minute += 1) {
    for (let seconds = 0; seconds < 60; seconds += 5) await follow(test, 5);
    fetchesByMinute.push(takeFetches(test)['5'] ?? 0);
  }

  const total = fetchesByMinute.reduce((sum, fetches) => sum + fetches, 0);
  expect(total).toBeGreaterThan(4);
  expect(total).toBeLessThan(10);
  expect(fetchesByMinute[0]).toBeGreaterThan(fetchesByMinute[8]!);
  expect(fetchesByMinute.slice(11).every((fetches) => fetches === 0)).toBe(true);
  expect(await readToken(test, project, '5')).toMatchObject({ metadata_status: 'failed' });
}, 180_000);

it('the documents of a range of mints (ERC-2309) may come later as well [N10]', async () => {
  const project = await discovering();
  test.metadataApi.script('2', { status: 404, body: 'not yet' }, { status: 200, body: { name: 'Fox' } });

  await emit('ConsecutiveTransfer(uint256,uint256,address,address)', [1, ZERO, ALICE], word(3));
  await follow(test);
  expect(await readToken(test, project, '2')).toMatchObject({ name: null });
  await follow(test, 10);

  expect(await readToken(test, project, '2')).toMatchObject({ name: 'Fox' });
  expect(takeFetches(test)).toEqual({ 1: 1, 2: 2, 3: 1 });
});

it('an event that comes just when the document of a mint is found to have come is not lost', async () => {
  const project = await discovering();
  test.metadataApi.script('5', { status: 200, body: { name: 'Fox' } }, { status: 200, body: { name: 'Red fox' } });
  await mint(5);
  await follow(test);
  const watcher = test.app.get(ChainWatcher);
  const other = (await test.anotherProcess()).get(ChainWatcher);
  await test.database.advance(20);
  await using held = await holdEventDeletions(test.database);
  const dropping = watcher.runOnce();
  await vi.waitFor(async () => expect(await held.isOneWaiting()).toBe(true), { timeout: 10_000 });

  await emit('MetadataUpdate(uint256)', [], word(5));
  await test.database.advance(8); // The other process takes over the chain.
  const reading = other.runOnce();
  await vi.waitFor(
    async () => {
      const waiting = await test.database.query<{ kind: string }>('select kind from nft_metadata.event_tokens');
      expect(waiting).toEqual([{ kind: 'metadata_update' }]);
    },
    { timeout: 10_000 },
  );
  await held.release();
  await Promise.all([dropping, reading]);
  await follow(test, 60);
  await follow(test, 60);

  expect(takeFetches(test)).toEqual({ 5: 2 });
  expect(await readToken(test, project, '5')).toMatchObject({ name: 'Red fox' });
});

it.each<[string, () => Promise<unknown>, string[]]>([
  ['ERC-721', () => mint(MaxUint256), [String(MaxUint256)]],
  [
    'ERC-2309',
    () => emit('ConsecutiveTransfer(uint256,uint256,address,address)', [1, ZERO, ALICE], word(3)),
    ['1', '2', '3'],
  ],
  [
    'ERC-1155',
    () =>
      emit(
        'TransferSingle(address,address,address,uint256,uint256)',
        [ALICE, ZERO, ALICE],
        AbiCoder.defaultAbiCoder().encode(['uint256', 'uint256'], [7, 100]),
      ),
    ['7'],
  ],
  [
    'ERC-1155 in a batch',
    () =>
      emit(
        'TransferBatch(address,address,address,uint256[],uint256[])',
        [ALICE, ZERO, ALICE],
        AbiCoder.defaultAbiCoder().encode(
          ['uint256[]', 'uint256[]'],
          [
            [7, 8],
            [1, 1],
          ],
        ),
      ),
    ['7', '8'],
  ],
])('tokens that a contract of %s mints are registered and fetched', async (_, announce, expected) => {
  const project = await discovering();

  await announce();
  await follow(test);

  expect(await tokensOf(project)).toEqual(expected);
  expect(Object.keys(takeFetches(test))).toEqual(expected);
});

it('mints of a collection that does not discover them are not registered', async () => {
  const project = await aWatchedCollection(test, anvil, cards);

  await mint(5);
  await follow(test);

  expect(await tokensOf(project)).toEqual([]);
});

it('transfers between owners, and a mint of more tokens than anybody will fetch, register and refresh nothing', async () => {
  const project = await aWatchedCollection(test, anvil, cards, { tokens: ['9'], watch: { discover: 'mints' } });

  await emit('Transfer(address,address,uint256)', [ALICE, 0xb0bn, 7]);
  await emit('ConsecutiveTransfer(uint256,uint256,address,address)', [1, ZERO, ALICE], word(MaxUint256));
  await mint(5);
  await follow(test);

  expect(await tokensOf(project)).toEqual(['5', '9']);
  expect(takeFetches(test)).toEqual({ 5: 1 });
});

it('a full collection registers no more mints, and its other events are followed', async () => {
  test = await start({ discoveredTokensPerCollection: 2 });
  const project = await discovering();

  await mint(1);
  await mint(2);
  await follow(test);
  await mint(3);
  await anvil.send(cards, 'setUri', 1, 'ipfs://changed');
  await follow(test, 60);

  expect(await tokensOf(project)).toEqual(['1', '2']);
  expect(takeFetches(test)).toEqual({ 1: 2, 2: 1 });
});

it('a burned token keeps its record and is not refreshed by events any more [N11]', async () => {
  const project = await discovering();
  await mint(5);
  await mint(6);
  await follow(test);
  takeFetches(test);

  await anvil.send(cards, 'burn', 5);
  await follow(test);
  expect(await readToken(test, project, '5')).toMatchObject({
    name: 'Token 5',
    metadata_status: 'ok',
    burned_at: expect.stringContaining('T') as string,
  });
  await emit('MetadataUpdate(uint256)', [], word(5));
  await emit('BatchMetadataUpdate(uint256,uint256)', [], `0x${'0'.repeat(64)}${'f'.repeat(64)}`);
  await follow(test, 60);

  expect(takeFetches(test)).toEqual({ 6: 1 });
  expect(await readToken(test, project, '6')).toMatchObject({ burned_at: null });
});

it('a token of a collection that does not discover mints can be burned as well [N11]', async () => {
  await mint(5);
  const project = await aWatchedCollection(test, anvil, cards, { tokens: ['5'] });

  await anvil.send(cards, 'burn', 5);
  await follow(test);

  expect(await readToken(test, project, '5')).toMatchObject({ burned_at: expect.stringContaining('T') as string });
});

it('a burn in a block that the chain drops never happened, and the token is refreshed', async () => {
  const project = await discovering();
  await mint(5);
  await anvil.mine(3);
  await follow(test);
  takeFetches(test);
  await anvil.send(cards, 'burn', 5);
  await anvil.mine(1);
  await test.app.get(ChainWatcher).runOnce();
  expect(await readToken(test, project, '5')).toMatchObject({ burned_at: expect.stringContaining('T') as string });

  await anvil.reorganise(2);
  await follow(test, 60);

  expect(await readToken(test, project, '5')).toMatchObject({ burned_at: null });
  expect(takeFetches(test)).toEqual({ 5: 1 });
});

it('a burned token that is minted again exists again', async () => {
  const project = await discovering();
  await mint(5);
  await anvil.send(cards, 'burn', 5);
  await mint(5);
  await follow(test);

  expect(await readToken(test, project, '5')).toMatchObject({ burned_at: null, name: 'Token 5' });
});
