import { Anvil } from '@app/testing';
import { AbiCoder, type BaseContract } from 'ethers';
import { readAttempts, readRefresh, requestRefresh } from './support/project-api.js';
import { startWithPotions } from './support/potions.js';
import { RpcHost, URI, type RpcBehaviour } from './support/rpc-host.js';
import type { TestApp, TestProject } from './support/start-app.js';

const TOKENS = Array.from({ length: 20 }, (_, index) => String(index + 1));

let anvil: Anvil;
let potions: BaseContract;
let nodes: RpcHost[];
let test: TestApp;
beforeAll(async () => {
  anvil = await Anvil.start();
  potions = await anvil.deploy('Potions');
});
afterAll(() => anvil.stop());
beforeEach(() => {
  nodes = [];
});
afterEach(async () => {
  await test.stop();
  for (const node of nodes) await node.close();
});

/** A collection on a chain with this many nodes, whose tokens have their documents on `metadataApi`. */
async function aProject(nodeCount: number): Promise<TestProject> {
  for (let index = 0; index < nodeCount; index += 1) nodes.push(await RpcHost.start(anvil));
  const rpcUrls = { [anvil.chainId]: nodes.map(({ url }) => url) };
  const options = { metadataFetch: { rpcUrls, rpcDeadlineMs: 4000 } };
  const started = await startWithPotions({ anvil, contract: potions }, TOKENS, options, nodes);
  test = started.test;
  return started.project;
}

const summaryOf = async (project: TestProject, refreshId: string) =>
  (await readRefresh(test.app, project, refreshId))['summary'];

const ofAnotherChain: RpcBehaviour = (responses, calls) =>
  responses.map((one) => (calls[Number(one.id)]!.method === 'eth_chainId' ? { ...one, result: '0x5' } : one));

it.each<[string, RpcBehaviour]>([
  ['hangs', 'hangs'],
  ['closes the connection', 'closes immediately'],
  ['responds with 500', { status: 500 }],
  ['responds with 429', { status: 429, headers: { 'retry-after': '60' } }],
  ['returns a web page', { status: 200, body: '<html>' }],
  ['accepts no batches', { status: 200, body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}' }],
  ['has an error for each call', (responses) => responses.map(({ id }) => ({ id, error: { code: -32_000 } }))],
  ['serves another chain', ofAnotherChain],
])('while the first of two nodes %s, the second one is called and no attempt fails', async (_, behaviour) => {
  const project = await aProject(2);
  const [first, second] = nodes;
  first!.misbehaveAlways(behaviour);
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: TOKENS.length, failed: 0 });
  expect(await readAttempts(test.app, project, '1')).toMatchObject([{ outcome: 'fetched', attempt: 1 }]);
  expect(first!.requests.length).toBeGreaterThan(0);
  expect(second!.asking(URI).flat().length).toBe(TOKENS.length);
});

it('as long as the first node works, the others are not called', async () => {
  const project = await aProject(3);
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: TOKENS.length });
  expect(nodes.map(({ requests }) => requests.length > 0)).toEqual([true, false, false]);
});

it('a node that failed is not called while another one works, and is preferred again after its back-off', async () => {
  const project = await aProject(2);
  const [first, second] = nodes;
  first!.misbehaveAlways({ status: 503 });
  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();

  first!.misbehaveAlways(undefined);
  await vi.waitFor(
    async () => {
      await requestRefresh(test.app, project, ['1']);
      await test.worker.runOnce();
      expect(first!.asking(URI).length).toBe(1);
    },
    { timeout: 20_000 },
  );

  const ofSecond = second!.requests.length;
  await requestRefresh(test.app, project, ['2']);
  await test.worker.runOnce();
  expect(second!.requests.length).toBe(ofSecond);
  // 503 once, and nothing until its back-off was over.
  expect(first!.requests.filter(([call]) => call?.method === 'eth_chainId').length).toBe(2);
});

it('of a batch only the calls that the first node failed go to the second one', async () => {
  const project = await aProject(2);
  const [first, second] = nodes;
  first!.misbehave((responses) =>
    responses.map((one) => (one.id === 7 ? { id: 7, error: { code: -32_000, message: 'missing trie node' } } : one)),
  );
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: TOKENS.length, failed: 0 });
  expect(second!.asking(URI).map(({ length }) => length)).toEqual([1]);
});

it('a contract that reverts does so at every node, and the second one is not called', async () => {
  await aProject(2);
  const cards = await anvil.deploy('Cards');
  const project = await test.aProject({
    tokens: ['404'],
    contract: { chainId: anvil.chainId, address: await cards.getAddress() },
  });
  const refreshId = await requestRefresh(test.app, project, ['404']);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ pending: 1 });
  expect(await readAttempts(test.app, project, '404')).toMatchObject([{ reason: 'contract_reverted' }]);
  expect(nodes[1]!.requests).toEqual([]);
});

it('when all nodes fail, tokens wait for the one that can be called first', async () => {
  const project = await aProject(2);
  const [first, second] = nodes;
  first!.misbehaveAlways({ status: 429, headers: { 'retry-after': '600' } });
  second!.misbehaveAlways({ status: 429, headers: { 'retry-after': '20' } });
  const refreshId = await requestRefresh(test.app, project, TOKENS);

  await test.worker.runOnce();
  await test.database.advance(15);
  await test.worker.runOnce();
  const called = second!.requests.length;
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 0, failed: 0, pending: TOKENS.length });

  second!.misbehaveAlways(undefined);
  await test.database.advance(10);
  await test.worker.runOnce();
  expect(called).toBe(1);
  expect(first!.requests.length).toBe(1);
  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: TOKENS.length, failed: 0 });
});

it('nodes that close in the middle of a large response occupy no buffer, and the next one is called', async () => {
  const project = await aProject(4);
  // More than there are buffers for large responses.
  for (const node of nodes.slice(0, 3)) {
    node.misbehave('closes in the middle of a large response', 'closes in the middle of a large response');
  }
  const uri = `data:application/json,{"name":"large","description":"${'a'.repeat(400_000)}"}`;
  await anvil.send(potions, 'setUri', `${test.metadataApi.url}/unused`);
  nodes[3]!.misbehave((responses) => responses.map((one) => ({ ...one, result: encodedString(uri) })));
  const refreshId = await requestRefresh(test.app, project, ['1']);

  await test.worker.runOnce();

  expect(await summaryOf(project, refreshId)).toMatchObject({ succeeded: 1, failed: 0 });
  expect(await readAttempts(test.app, project, '1')).toMatchObject([{ outcome: 'fetched', attempt: 1 }]);
});

const encodedString = (value: string) => AbiCoder.defaultAbiCoder().encode(['string'], [value]);
