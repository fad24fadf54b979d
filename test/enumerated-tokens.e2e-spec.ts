import { ContractTokens } from '@app/metadata-fetch';
import { Anvil } from '@app/testing';
import { Collections, TokenStore } from '@app/token-store';
import { Interface, MaxUint256, toBeHex, type BaseContract } from 'ethers';
import { commandLine } from './support/command-line.js';
import { RpcHost } from './support/rpc-host.js';
import { startApp, type TestApp } from './support/start-app.js';

vi.setConfig({ testTimeout: 60_000 });

const ABI = new Interface([
  'function supportsInterface(bytes4)',
  'function totalSupply()',
  'function tokenByIndex(uint256)',
]);
const End = { silent: 0, returns: 1, reverts: 2, invalid: 3, endless: 4 };
const TOKEN_BY_INDEX = ABI.getFunction('tokenByIndex')!.selector;
const word = (value: bigint | number) => toBeHex(value, 32);

let anvil: Anvil;
let node: RpcHost;
let test: TestApp;
beforeAll(async () => {
  anvil = await Anvil.start();
  node = await RpcHost.start(anvil);
  test = await startApp({ metadataFetch: { rpcUrls: { [anvil.chainId]: node.url } } }, { otherHosts: [node] });
});
afterAll(async () => {
  await test.stop();
  await node.close();
  await anvil.stop();
});
beforeEach(() => {
  node.misbehaveAlways(undefined);
  node.requests.length = 0;
});

const { json, refused } = commandLine(() => ({
  DATABASE_URL: test.database.url,
  FETCH_ALLOWED_HOSTS: node.host,
  RPC_URLS: `${anvil.chainId}=${node.url}`,
}));

const list = async (contract: BaseContract, maxTokens = 1000) =>
  test.app
    .get(ContractTokens)
    .list({ chainId: anvil.chainId, address: (await contract.getAddress()).toLowerCase() }, { maxTokens });
const listings = () => node.asking(TOKEN_BY_INDEX);

async function aContract(tokens: number): Promise<BaseContract> {
  const contract = await anvil.deploy('ListedCards');
  for (let from = 1; from <= tokens; from += 100) {
    await anvil.send(contract, 'mint', from, Math.min(100, tokens + 1 - from));
  }
  return contract;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

it('all tokens of a contract are listed in batches of 100, from the state of one block', async () => {
  const contract = await aContract(250);

  expect(await list(contract)).toEqual(numbers(250));

  expect(listings().map((calls) => calls.length)).toEqual([100, 100, 50]);
  const blocks = listings().flatMap((calls) => calls.map(({ params }) => params[1]));
  expect(new Set(blocks).size).toBe(1);
  expect(blocks[0]).toMatch(/^0x[0-9a-f]+$/);
});

it('a token that is burned meanwhile moves no other one out of sight', async () => {
  const contract = await aContract(250);
  let burns = 0;
  node.misbehaveAlways(async (responses, calls) => {
    // The first token goes, and the last one takes its place, where the list has been read.
    if (calls[0]?.params[0]?.data?.startsWith(TOKEN_BY_INDEX) && burns === 0) {
      burns += 1;
      await anvil.send(contract, 'burnAt', 0);
    }
    return responses;
  });

  expect(await list(contract)).toEqual(numbers(250));
  expect(burns).toBe(1);
});

it('when the node forgets the state of the block, all tokens are listed again from a newer one', async () => {
  const contract = await aContract(150);
  let requests = 0;
  node.misbehaveAlways((responses, calls) => {
    if (!calls[0]?.params[0]?.data?.startsWith(TOKEN_BY_INDEX)) return responses;
    requests += 1;
    return requests === 2
      ? responses.map(({ id }) => ({ id, error: { code: -32_000, message: 'missing trie node 9f1c' } }))
      : responses;
  });

  expect(await list(contract)).toEqual(numbers(150));
  expect(requests).toBe(4);
});

it('a node that always forgets ends it with a sentence', async () => {
  const contract = await aContract(150);
  let requests = 0;
  node.misbehaveAlways((responses, calls) => {
    if (!calls[0]?.params[0]?.data?.startsWith(TOKEN_BY_INDEX)) return responses;
    requests += 1;
    return requests % 2 === 0
      ? responses.map(({ id }) => ({ id, error: { code: -32_000, message: 'missing trie node 9f1c' } }))
      : responses;
  });

  await expect(list(contract)).rejects.toThrow('does not keep the state of a block for long enough');
});

describe('contracts that do not list their tokens', () => {
  async function aScriptedContract(calls: Record<string, [end: number, data?: string]>): Promise<BaseContract> {
    const contract = await anvil.deploy('ScriptedContract');
    for (const [call, [end, data = '0x']] of Object.entries(calls))
      await anvil.send(contract, 'script', call, end, data);
    return contract;
  }
  const declares = (id: string) => ABI.encodeFunctionData('supportsInterface', [id]);
  const supply = ABI.encodeFunctionData('totalSupply');
  const at = (index: number) => ABI.encodeFunctionData('tokenByIndex', [index]);
  const enumerable = { [declares('0x780e9d63')]: [End.returns, word(1)] } satisfies Record<string, [number, string]>;

  it.each<[string, Record<string, [end: number, data?: string]>, string]>([
    ['declares nothing', { [supply]: [End.returns, word(1)] }, 'does not declare that it lists its tokens'],
    [
      'declares everything',
      { ...enumerable, [declares('0xffffffff')]: [End.returns, word(1)], [supply]: [End.returns, word(1)] },
      'does not declare that it lists its tokens',
    ],
    ['has no total supply', enumerable, 'totalSupply()'],
    ['returns half a number', { ...enumerable, [supply]: [End.returns, '0x1234'] }, 'totalSupply()'],
    ['runs without end', { ...enumerable, [supply]: [End.endless] }, 'totalSupply()'],
    ['says that it has 2^256-1 tokens', { ...enumerable, [supply]: [End.returns, word(MaxUint256)] }, 'at most 1000'],
    ['says that it has 1,001 tokens', { ...enumerable, [supply]: [End.returns, word(1001)] }, 'at most 1000'],
    [
      'has fewer tokens than it says',
      { ...enumerable, [supply]: [End.returns, word(2)], [at(0)]: [End.returns, word(7)] },
      'tokenByIndex(1)',
    ],
    [
      'lists a token twice',
      {
        ...enumerable,
        [supply]: [End.returns, word(2)],
        [at(0)]: [End.returns, word(7)],
        [at(1)]: [End.returns, word(7)],
      },
      'returns token 7 twice',
    ],
  ])('a contract that %s is refused with a sentence', async (_, calls, sentence) => {
    await expect(list(await aScriptedContract(calls))).rejects.toThrow(sentence);
  });

  it('an address without a contract, and a chain without a node, are refused', async () => {
    const contracts = test.app.get(ContractTokens);
    const address = `0x${'12'.repeat(20)}`;

    await expect(contracts.list({ chainId: anvil.chainId, address }, { maxTokens: 10 })).rejects.toThrow(
      'does not declare',
    );
    await expect(contracts.list({ chainId: 5, address }, { maxTokens: 10 })).rejects.toMatchObject({
      reason: 'no_node',
      message: 'There is no RPC URL for chain 5.',
    });
  });
});

it('--tokens enumerate registers them, and a refused contract leaves no collection', async () => {
  const project = await test.aProject();
  const contract = await aContract(130);
  const address = (await contract.getAddress()).toLowerCase();
  const onChain = ['--chain', String(anvil.chainId), '--source', 'chain', '--tokens', 'enumerate'];
  const add = (to: string) => ['collection', 'add', '--project', project.id, '--address', to, ...onChain];

  expect(await json(...add(address))).toMatchObject({ tokens: 130 });
  await anvil.send(contract, 'mint', 131, 1);
  const register = ['token', 'register', '--collection', address, '--tokens', 'enumerate'];
  expect(await json(...register)).toEqual({ registered: 1, already_registered: 130 });
  const plain = (await (await anvil.deploy('Cards')).getAddress()).toLowerCase();
  expect(await refused(...add(plain))).toContain('--discover mints --backfill-from BLOCK');

  const [collection] = await test.app.get(Collections).findByAddress(address);
  expect(await test.app.get(TokenStore).countTokens(collection!.id)).toBe(131);
  expect(await test.app.get(Collections).findByAddress(plain)).toEqual([]);
});
