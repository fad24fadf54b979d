import { ChainWatcher, WatchedCollections } from '@app/chain-events';
import { Anvil } from '@app/testing';
import { Interface, type BaseContract } from 'ethers';
import { commandLine } from './support/command-line.js';
import { expectSucceeded, http, requestRefresh, signedHeaders } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import {
  blockPublication,
  dragon,
  egg,
  postReveal,
  publishReveal,
  respondWith,
  revealRequest,
  stageReveal,
  untilReveal,
} from './support/reveals.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

vi.setConfig({ testTimeout: 60_000 });

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
/** The owner of the contract, and a project of nobody in particular. */
let owner: TestProject;
let stranger: TestProject;
/** With which the collection is registered. */
let studio: TestProject;
let cards: BaseContract;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  test = await start({ ownership: 'on_chain' });
  [owner, stranger] = [await test.aProject(), await test.aProject()];
});
afterAll(async () => {
  await test.stop();
  await node.close();
  await anvil.stop();
});
beforeEach(async () => {
  node.misbehaveAlways(undefined);
  cards = await anvil.deploy('AnnouncedCards');
  studio = await register(cards);
  node.requests.length = 0;
});

const start = (metadataRefresh: object) =>
  startApp(
    { chainEvents: { enabled: true }, metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } }, metadataRefresh },
    { otherHosts: [node] },
  );
const { json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: node.host,
  RPC_URLS: `${anvil.chainId}=${node.url}`,
  OWNERSHIP: 'on_chain',
}));

const register = async (contract: BaseContract, on = test) =>
  on.aProject({
    tokens: ['1', '2'],
    metadataUrl: `${on.metadataApi.url}/tokens`,
    contract: { chainId: anvil.chainId, address: await contract.getAddress() },
  });
const giveTo = (project: TestProject) => anvil.send(cards, 'transferOwnership', project.wallet.address);

const refreshAs = async (project: TestProject, path = '/v1/metadata-refreshes') =>
  http(test.app)
    .post(path)
    .set(await signedHeaders(project))
    .send({ collection_address: studio.collectionAddress, token_ids: ['1'] });

it('the owner of the contract may refresh its collection, from the project’s own limits, and a stranger may not', async () => {
  await giveTo(owner);
  const remainingOf = async ({ apiKey }: TestProject) => {
    const { body } = await http(test.app).get('/v1/limits').set('x-api-key', apiKey).expect(200);
    return (body as { tokens_per_hour: { remaining: number } }).tokens_per_hour.remaining;
  };
  const before = [await remainingOf(owner), await remainingOf(studio)];

  const { status, body } = await refreshAs(owner);
  await test.worker.runOnce();

  expect(status).toBe(202);
  expect(test.metadataApi.hits.get('1')).toBeGreaterThan(0);
  expect([await remainingOf(owner), await remainingOf(studio)]).toEqual([before[0]! - 1, before[1]]);
  const { refresh_id: refreshId } = body as { refresh_id: string };
  const receipt = http(test.app).get(`/v1/metadata-refreshes/${refreshId}`);
  expect((await receipt.set('x-api-key', owner.apiKey).expect(200)).body).toMatchObject({ summary: { succeeded: 1 } });
  expect((await refreshAs(stranger)).status).toBe(403);
});

it('the owner of the contract may also estimate, validate, read attempts and retry, and changes nothing else', async () => {
  await giveTo(owner);
  test.metadataApi.respond('2', 404);
  const refreshId = await requestRefresh(test.app, { ...owner, collectionAddress: studio.collectionAddress }, ['2']);
  await test.worker.runOnce();
  const post = async (path: string, body: object = {}) =>
    (await http(test.app).post(path).set('x-api-key', owner.apiKey).send(body)).status;
  const ofCollection = { collection_address: studio.collectionAddress, token_ids: ['1'] };

  expect(await post('/v1/metadata-refreshes/estimate', ofCollection)).toBe(200);
  expect(await post('/v1/metadata-refreshes/validate', ofCollection)).toBe(200);
  expect(await post(`/v1/metadata-refreshes/${refreshId}/retry`)).toBe(202);
  const attempts = `/v1/collections/${studio.collectionAddress}/tokens/2/attempts`;
  await http(test.app).get(attempts).set('x-api-key', owner.apiKey).expect(200);
  await http(test.app).get(attempts).set('x-api-key', stranger.apiKey).expect(403);
  expect(await post(`/v1/collections/${studio.collectionAddress}/tokens/1/versions/1/restore`)).toBe(403);
  await http(test.app).get(`/v1/collections/${studio.collectionAddress}`).set('x-api-key', owner.apiKey).expect(404);
});

it('the owner of the contract may not reveal a collection of another project, which may', async () => {
  await giveTo(owner);

  const refused = await postReveal(test, { ...owner, collectionAddress: studio.collectionAddress });
  const accepted = await postReveal(test, studio);

  expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(accepted.status).toBe(202);
});

it.each(['publish', 'revert'])(
  'while the project of a collection has its reveal go through %s, nothing is fetched for the owner of the contract either, and all of it afterwards',
  async (action) => {
    await giveTo(owner);
    respondWith(test, egg, ['1', '2']);
    await refreshOnce(test, studio, ['1', '2']);
    respondWith(test, dragon, ['1', '2']);
    const reveal = await stageReveal(test, studio);
    if (action === 'revert') await publishReveal(test, studio, reveal);
    test.metadataApi.hits.clear();
    const block = await blockPublication(test, studio);
    await revealRequest(test, studio, 'post', `${reveal.revealId}/${action}`).expect(202);
    await block.reached();

    const ofOwner = { ...owner, collectionAddress: studio.collectionAddress };
    const refreshIds = [
      await requestRefresh(test.app, ofOwner, ['1']),
      await requestRefresh(test.app, ofOwner, ['1']),
      await requestRefresh(test.app, studio, ['2']),
    ];
    await (await test.anotherWorker()).runOnce();
    const during = test.metadataApi.totalHits;
    await block.release();
    await untilReveal(test, studio, reveal, action === 'publish' ? 'published' : 'reverted');
    await test.worker.runOnce();

    expect(during).toBe(0);
    expect(Object.fromEntries(test.metadataApi.hits)).toEqual({ 1: 1, 2: 1 });
    await expectSucceeded(test.app, owner, refreshIds[0]!, 1);
    await expectSucceeded(test.app, owner, refreshIds[1]!, 1);
    await expectSucceeded(test.app, studio, refreshIds[2]!, 1);
  },
);

it('the default admin of a contract without an owner may refresh as well', async () => {
  const ABI = new Interface(['function hasRole(bytes32,address)']);
  const contract = await anvil.deploy('ScriptedContract');
  const call = ABI.encodeFunctionData('hasRole', [`0x${'0'.repeat(64)}`, owner.wallet.address]);
  await anvil.send(contract, 'script', call, 1, `0x${'1'.padStart(64, '0')}`);
  studio = await register(contract);

  expect((await refreshAs(owner)).status).toBe(202);
  expect((await refreshAs(stranger)).status).toBe(403);
});

it.each<[string, string]>([
  ['an address with something before it', `0x${'1'.padEnd(24, '0')}${'f'.repeat(40)}`],
  ['nothing', '0x'],
  ['more than one word', `0x${'0'.repeat(256)}`],
  ['the zero address', `0x${'0'.repeat(64)}`],
])('a contract whose owner() returns %s has no owner', async (_, data) => {
  const ABI = new Interface(['function owner()']);
  const contract = await anvil.deploy('ScriptedContract');
  await anvil.send(contract, 'script', ABI.encodeFunctionData('owner', []), 1, data);
  studio = await register(contract);

  expect((await refreshAs(stranger)).status).toBe(403);
});

it('a contract is asked once a minute for a wallet, and again at once when an event says that it has another owner', async () => {
  await test.app.get(WatchedCollections).set(studio.collectionId, { events: true });
  const watcher = test.app.get(ChainWatcher);
  await watcher.runOnce();
  await giveTo(owner);
  await watcher.runOnce();
  const asked = () => node.requests.flat().filter(({ params }) => params[0]?.data?.startsWith('0x8da5cb5b')).length;
  node.requests.length = 0;

  for (let request = 0; request < 3; request += 1) expect((await refreshAs(owner)).status).toBe(202);
  expect(asked()).toBe(1);
  await giveTo(stranger);
  expect((await refreshAs(owner)).status).toBe(202);
  await watcher.runOnce();

  expect((await refreshAs(owner)).status).toBe(403);
  expect((await refreshAs(stranger)).status).toBe(202);
});

it('while no node responds, the owner gets 503, and the project of the collection is not affected', async () => {
  await giveTo(owner);
  node.misbehaveAlways({ status: 503 });

  const { status, body, headers } = await refreshAs(owner);

  expect(status).toBe(503);
  expect(body).toMatchObject({ code: 'service_unavailable' });
  expect(headers['retry-after']).toBeDefined();
  expect((await refreshAs(studio)).status).toBe(202);
});

it('without the option, no contract is asked, and its owner may not refresh', async () => {
  const shared = test;
  test = await start({});
  try {
    studio = await register(cards);
    owner = await test.aProject();
    await giveTo(owner);
    node.requests.length = 0;

    expect((await refreshAs(owner)).status).toBe(403);
    expect(node.requests).toEqual([]);
  } finally {
    await test.stop();
    test = shared;
    owner = await test.aProject();
  }
});

it('cli collection owner says who may refresh a collection, and why', async () => {
  await giveTo(owner);
  const ownerOf = ({ wallet }: TestProject) =>
    json('collection', 'owner', '--collection', studio.collectionAddress, '--wallet', wallet.address);

  expect(await ownerOf(owner)).toEqual({
    project_id: owner.id,
    registered: false,
    on_chain: 'owner',
    may_refresh: true,
  });
  expect(await ownerOf(studio)).toMatchObject({ registered: true, on_chain: 'stranger', may_refresh: true });
  expect(await ownerOf(stranger)).toMatchObject({ registered: false, on_chain: 'stranger', may_refresh: false });
  expect(await refused('collection', 'owner', '--collection', studio.collectionAddress, '--wallet', 'me')).toContain(
    '0x and 40 hex digits',
  );
});
