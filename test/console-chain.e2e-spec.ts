import { Backfills, ChainWatcher } from '@app/chain-events';
import { Anvil } from '@app/testing';
import type { BaseContract } from 'ethers';
import { chainListSchema, sessionSchema } from '../libs/console/src/wire/index.js';
import { ConsoleVisitor } from './support/console.js';
import { CONSOLE_VARIABLES, startConsoleApp } from './support/console-app.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';
import { forgetWatches, watchCollection } from './support/watched-collection.js';

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
let cards: BaseContract;
let operator: ConsoleVisitor;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  ({ test, operator } = await startConsoleApp(
    {
      chainEvents: { enabled: true, settleSeconds: 3 },
      metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } },
    },
    { otherHosts: [node] },
  ));
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
  await test.database.query('delete from nft_metadata.chain_backfills');
  await test.database.query('delete from nft_metadata.chain_cursors');
});

const poll = () => test.app.get(ChainWatcher).runOnce();
const readChain = async () => {
  const list = await operator.read('chain', chainListSchema);
  return { list, chain: list.rows.find(({ chainId }) => chainId === anvil.chainId)! };
};

it('the page of chain watchers has the head, how far it is read, its watched collections and their past mints', async () => {
  const first = await anvil.send(cards, 'mint', '1', 'ipfs://bafy/1');
  await anvil.send(cards, 'mint', '2', 'ipfs://bafy/2');
  expect((await readChain()).chain).toMatchObject({ state: 'idle', collections: 0, readBlock: null, behind: null });

  const project = await watchCollection(test, anvil, cards, {
    watch: { discover: 'mints', refreshEverySeconds: 86_400 },
  });
  await test.app.get(Backfills).start(project.collectionId, first.blockNumber);
  const before = await readChain();
  expect(before.list.settleSeconds).toBe(3);
  expect(before.chain).toMatchObject({
    state: 'waiting',
    collections: 1,
    backfills: 1,
    contracts: [
      {
        id: project.collectionId,
        chainId: anvil.chainId,
        address: project.collectionAddress,
        discover: 'mints',
        refreshEverySeconds: 86_400,
        backfill: { fromBlock: first.blockNumber, nextBlock: first.blockNumber, untilBlock: null, finishedAt: null },
      },
    ],
  });

  await poll();
  await poll();
  const { chain } = await readChain();
  expect(chain).toMatchObject({ state: 'reading', behind: 0, lastError: null, failingSince: null, backfills: 0 });
  expect(chain.headBlock).toBe(chain.readBlock);
  expect(chain.contracts[0]!.backfill).toMatchObject({
    tokens: 2,
    untilBlock: chain.readBlock,
    finishedAt: expect.any(String) as string,
    lastError: null,
  });
});

it('a chain whose node fails says since when and why, and how many blocks it is behind', async () => {
  await watchCollection(test, anvil, cards);
  await poll();
  node.misbehaveAlways({ status: 503 });
  await anvil.send(cards, 'mint', '1', 'ipfs://bafy/1');
  await poll();

  expect((await readChain()).chain).toMatchObject({
    state: 'failing',
    failingSince: expect.any(String) as string,
    lastError: 'status_503',
  });
});

it('tokens that events have named wait on the page until they are refreshed', async () => {
  const project = await watchCollection(test, anvil, cards, { tokens: ['1'] });
  await poll();
  await anvil.send(cards, 'mint', '1', `${test.metadataApi.url}/1`);
  await anvil.send(cards, 'setUri', '1', `${test.metadataApi.url}/1`);
  await poll();

  expect((await readChain()).chain).toMatchObject({
    waitingTokens: 1,
    contracts: [{ id: project.collectionId, discover: 'none', backfill: null }],
  });
});

it('partners have no chain watchers, and nobody has any where no chain is watched', async () => {
  const project = await test.aProject();
  const partner = await new ConsoleVisitor(test.app).withApiKey(project.apiKey);
  const unwatched = await startApp({}, { variables: CONSOLE_VARIABLES });

  try {
    const other = await new ConsoleVisitor(unwatched.app).asOperator();

    expect((await operator.read('session', sessionSchema)).pages).toContain('chain');
    expect((await partner.read('session', sessionSchema)).pages).not.toContain('chain');
    await partner.get('chain').expect(404);
    expect((await other.read('session', sessionSchema)).pages).not.toContain('chain');
    await other.get('chain').expect(404);
  } finally {
    await unwatched.stop();
  }
});
