import { hashMessage, Interface, Wallet, type BaseContract } from 'ethers';
import { Projects } from '@app/project-auth';
import { Anvil } from '@app/testing';
import { http } from './support/project-api.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';
import { captureStatements } from './support/statements.js';

const ABI = new Interface(['function isValidSignature(bytes32,bytes)']);
const MAGIC = '1626ba7e';
const VALID = `0x${MAGIC}${'0'.repeat(56)}`;
const End = { silent: 0, returns: 1, reverts: 2, invalid: 3, endless: 4 };
/** Any bytes: the contract decides. This is not the length of a signature of a key. */
const SIGNATURE = `0x${'ab'.repeat(130)}`;

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
/** A contract that owns a project. */
let wallet: BaseContract;
let address: string;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  test = await startApp(
    {
      projectAuth: { contractWalletChainId: anvil.chainId, requestsPerSecond: 1000 },
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
  wallet = await anvil.deploy('ScriptedContract');
  address = await wallet.getAddress();
  await test.app.get(Projects).createProject({ name: 'Studio', ownerAddress: address });
  node.misbehaveAlways(undefined);
  node.requests.length = 0;
});

const now = () => String(Math.floor(Date.now() / 1000));

/** What the contract does when it is asked about this signature of this second. */
async function script(timestamp: string, end: number, data = '0x', signature = SIGNATURE): Promise<void> {
  const call = ABI.encodeFunctionData('isValidSignature', [hashMessage(timestamp), signature]);
  await anvil.send(wallet, 'script', call, end, data);
}

async function request(timestamp: string, { owner = address, signature = SIGNATURE, to = test } = {}) {
  const { status, body } = await http(to.app).get('/v1/limits').set({
    'x-imx-eth-address': owner,
    'x-imx-eth-timestamp': timestamp,
    'x-imx-eth-signature': signature,
  });
  return { status, body: body as { message?: string; details?: string } };
}

it('a contract that owns a project signs as ERC-1271 defines it [N16]', async () => {
  const timestamp = now();
  await script(timestamp, End.returns, VALID);

  expect((await request(timestamp)).status).toBe(200);
  expect((await request(String(Number(timestamp) - 1))).status).toBe(401);
  expect((await request(timestamp, { signature: `${SIGNATURE}00` })).status).toBe(401);
});

it.each<[string, number, string]>([
  ['returns nothing', End.returns, '0x'],
  ['returns false', End.returns, `0x${'0'.repeat(64)}`],
  ['returns true', End.returns, `0x${'0'.repeat(63)}1`],
  ['returns the value without its padding', End.returns, `0x${MAGIC}`],
  ['returns the value at the other end of the word', End.returns, `0x${'0'.repeat(56)}${MAGIC}`],
  ['returns the value with something behind it', End.returns, `0x${MAGIC}${'0'.repeat(55)}1`],
  ['returns the value in the second word', End.returns, `0x${'0'.repeat(64)}${MAGIC}${'0'.repeat(56)}`],
  ['reverts with the value', End.reverts, VALID],
  ['reverts', End.silent, '0x'],
  ['runs an invalid instruction', End.invalid, '0x'],
  ['never ends', End.endless, '0x'],
])('a contract that %s has not signed [N16]', async (_, end, data) => {
  const timestamp = now();
  await script(timestamp, end, data);

  const { status, body } = await request(timestamp);

  expect(status).toBe(401);
  expect(body).toMatchObject({ details: 'invalid_signature' });
});

it('a node that hangs is no answer: the request is refused with 503 within its bound, and can be repeated [N16]', async () => {
  const timestamp = now();
  await script(timestamp, End.returns, VALID);
  node.misbehaveAlways('hangs');

  const startedAt = performance.now();
  const { status } = await request(timestamp);

  expect(status).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(7000);
  node.misbehaveAlways(undefined);
  await vi.waitFor(async () => expect((await request(timestamp)).status).toBe(200), { timeout: 10_000, interval: 200 });
});

it('no node is called for the signature of a key, for a wallet without a project, and again for one without a contract', async () => {
  const [owner, stranger] = [Wallet.createRandom(), Wallet.createRandom()];
  await test.app.get(Projects).createProject({ name: 'Studio', ownerAddress: owner.address });
  const timestamp = now();

  const signature = await owner.signMessage(timestamp);
  expect((await request(timestamp, { owner: owner.address, signature })).status).toBe(200);
  expect((await request(timestamp, { owner: stranger.address })).status).toBe(401);
  expect(node.requests).toEqual([]);
  for (let wrong = 0; wrong < 3; wrong += 1) {
    expect((await request(timestamp, { owner: owner.address })).status).toBe(401);
  }
  expect(node.requests.flat().filter(({ method }) => method === 'eth_call')).toHaveLength(1);
});

it('the signature of a wallet that is not deployed yet (ERC-6492) is refused with a sentence that says so', async () => {
  const { status, body } = await request(now(), { signature: `${SIGNATURE}${'6492'.repeat(16)}` });

  expect(status).toBe(401);
  expect(body.message).toContain('deploy the wallet first');
  expect(node.requests).toEqual([]);
});

it('without a chain for contract wallets, no project is looked for in the name of a wrong signature', async () => {
  const other = await startApp();
  const [owner, stranger] = [Wallet.createRandom(), Wallet.createRandom()];
  await other.app.get(Projects).createProject({ name: 'Studio', ownerAddress: owner.address });
  const timestamp = now();
  const signature = await stranger.signMessage(timestamp);

  const statements = await captureStatements(async () => {
    const { status } = await request(timestamp, { owner: owner.address, signature, to: other });
    expect(status).toBe(401);
  });
  await other.stop();

  expect(statements.filter(({ text }) => text.includes('projects'))).toEqual([]);
});

it('a chain for contract wallets without a node stops the start with a sentence', async () => {
  await expect(startApp({ projectAuth: { contractWalletChainId: 5 } })).rejects.toThrow(
    'contractWalletChainId is 5, and metadataFetch.rpcUrls has no node of this chain',
  );
});
