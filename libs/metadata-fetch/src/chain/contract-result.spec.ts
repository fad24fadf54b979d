import { AbiCoder } from 'ethers';
import { decodeText, isTrue, toContractResult } from './contract-result.js';

const encoded = (text: string) => AbiCoder.defaultAbiCoder().encode(['string'], [text]);
const reason = (text: string) => `0x08c379a0${encoded(text).slice(2)}`;
const error = (code: number, message: string, data?: unknown) =>
  toContractResult({ kind: 'error', code, message, data });

describe('strings of contracts', () => {
  it.each(['', 'https://host.example/1', 'naïf 🦊', '\0', 'x'.repeat(100_000)])(
    'the string that a contract returns is decoded as ethers encoded it',
    (text) => {
      expect(decodeText(encoded(text))).toBe(text);
    },
  );

  it.each([
    ['nothing', '0x'],
    ['one word', `0x${'00'.repeat(32)}`.slice(0, 64)],
    ['an offset beyond the end', `0x${'00'.repeat(31)}40${'00'.repeat(32)}`],
    ['an offset that overflows', `0x${'ff'.repeat(32)}${'00'.repeat(32)}`],
    ['a length beyond the end', `0x${'00'.repeat(31)}20${'00'.repeat(31)}21${'61'.repeat(32)}`],
    ['a length that wraps around', `0x${'00'.repeat(31)}20${'ff'.repeat(32)}`],
    ['no UTF-8', `0x${'00'.repeat(31)}20${'00'.repeat(31)}01ff${'00'.repeat(31)}`],
  ])('the string that a contract returns cannot be decoded from %s', (_, data) => {
    expect(decodeText(data)).toBeNull();
  });

  it('the string that a contract returns is decoded even if its length is not a multiple of 32', () => {
    expect(decodeText(encoded('abc').slice(0, 2 + 2 * 67))).toBe('abc');
  });
});

describe('errors of a node', () => {
  it.each([
    ['geth', 3, 'execution reverted: no', reason('no')],
    ['geth, without data', -32_000, 'execution reverted', undefined],
    ['geth, an opcode', -32_000, 'invalid opcode: INVALID', undefined],
    ['geth, gas', -32_000, 'out of gas', undefined],
    ['Parity', -32_015, 'VM execution error.', `Reverted ${reason('no')}`],
    ['Hardhat', -32_603, 'Error: VM Exception while processing transaction', { data: reason('no') }],
    ['Besu', -32_000, 'Execution reverted', '0x'],
    ['anvil, an opcode', -32_603, 'EVM error InvalidFEOpcode', undefined],
    ['anvil, gas', -32_603, 'EVM error OutOfGas', undefined],
  ])('a JSON-RPC error is a revert if running the contract failed: %s [A6]', (_, code, message, data) => {
    expect(error(code, message, data)).toEqual({ kind: 'reverted', saysNoToken: false });
  });

  it.each([
    ['OpenZeppelin 5', 3, 'execution reverted', `0x7e273289${'00'.repeat(32)}`],
    ['ERC721A', 3, 'execution reverted', '0xa14c4b50'],
    ['Solady', 3, 'execution reverted', '0xceea21b6'],
    ['OpenZeppelin 4', 3, 'execution reverted', reason('ERC721Metadata: URI query for nonexistent token')],
    ['a node without data', -32_000, 'execution reverted: ERC721: invalid token ID', undefined],
    ['Solmate', 3, 'execution reverted', reason('NOT_MINTED')],
  ])('a revert says that the token does not exist: %s [A6]', (_, code, message, data) => {
    expect(error(code, message, data)).toEqual({ kind: 'reverted', saysNoToken: true });
  });

  it('a revert reason of megabytes is not searched', () => {
    const long = reason(`nonexistent token ${'x'.repeat(100_000)}`);

    expect(error(3, 'execution reverted', long)).toEqual({ kind: 'reverted', saysNoToken: false });
  });

  it.each([
    ['its state is gone', -32_000, 'missing trie node'],
    ['its method is unknown', -32_601, 'the method eth_call does not exist'],
    ['a gateway of the node', -32_603, 'Internal error'],
  ])('any other JSON-RPC error is an error of the node: %s [A9]', (_, code, message) => {
    expect(error(code, message)).toEqual({ kind: 'node_error', reason: `error_${code}` });
  });

  it.each([429, -32_005])('the JSON-RPC error %i is a rate limit of the whole node [A12]', (code) => {
    expect(error(code, 'limit exceeded')).toMatchObject({ kind: 'node_error', retryAfterSeconds: 0 });
  });
});

it.each([
  [`0x${'0'.repeat(63)}1`, true],
  [`0x${'0'.repeat(64)}`, false],
  [`0x${'0'.repeat(63)}2`, false],
  ['0x', false],
  [`0x${'0'.repeat(63)}1${'0'.repeat(64)}`, false],
])('the contract result %s decodes as true: %s', (data, expected) => {
  expect(isTrue(data)).toBe(expected);
});
