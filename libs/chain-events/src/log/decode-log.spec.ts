import { AbiCoder, id, toBeHex } from 'ethers';
import { ALL_TOKENS, MAX_TOKEN_ID } from './chain-event.js';
import { decodeLog } from './decode-log.js';
import { CONTRACT_EVENTS } from './contract-events.js';

const coder = AbiCoder.defaultAbiCoder();
const word = (value: bigint | number) => toBeHex(value, 32);
const words = (...values: (bigint | number)[]) => `0x${values.map((value) => word(value).slice(2)).join('')}`;
const ZERO = 0n;
const [ALICE, BOB, OPERATOR] = [0xa11cen, 0xb0bn, 0x09e4n];
const PAST_SAFE = 2n ** 53n + 1n;

/** A log of the event: its indexed arguments, then its data. */
function decode(signature: string, indexed: readonly (bigint | number)[], data = '0x') {
  return decodeLog({ topics: [id(signature), ...indexed.map(word)], data });
}
const token = (tokenId: bigint | number) => ({ from: BigInt(tokenId), to: BigInt(tokenId) });

it('the topics of events are those that the standards name', () => {
  const topics = Object.fromEntries(CONTRACT_EVENTS.map(({ signature, topic }) => [signature, topic]));

  expect(topics).toMatchObject({
    'MetadataUpdate(uint256)': '0xf8e1a15aba9398e019f0b49df1a4fde98ee17ae345cb5f6b5e2c27f5033e8ce7',
    'BatchMetadataUpdate(uint256,uint256)': '0x6bd5c950a8d8df17f772f5af37cb3655737899cbf903264b9795592da439661c',
    'URI(string,uint256)': '0x6bb7ff708619ba0610cba295a58592e0451dee2622938c8755667688daf3529b',
    'ContractURIUpdated()': '0xa5d4097edda6d87cb9329af83fb3712ef77eeb13738ffe43cc35a4ce305ad962',
    'ContractURIUpdated(string,string)': '0xc9c7c3fe08b88b4df9d4d47ef47d2c43d55c025a0ba88ca442580ed9e7348a16',
    'Transfer(address,address,uint256)': '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
    'TransferSingle(address,address,address,uint256,uint256)':
      '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62',
    'TransferBatch(address,address,address,uint256[],uint256[])':
      '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb',
    'ConsecutiveTransfer(uint256,uint256,address,address)':
      '0xdeaa91b6123d068f5821d0fb0678463d1a8a6079fe8af5de3ce5e896dcf9133d',
  });
});

describe.each([0n, 1n, PAST_SAFE, MAX_TOKEN_ID])('the token id %s', (tokenId) => {
  it.each<[string, (bigint | number)[], string]>([
    ['in the data', [], word(tokenId)],
    ['indexed', [tokenId], '0x'],
  ])('of MetadataUpdate is read to the last digit when it is %s', (_, indexed, data) => {
    const decoded = decode('MetadataUpdate(uint256)', indexed, data);

    expect(decoded).toEqual({ kind: 'metadata_update', effect: 'refresh', tokens: [token(tokenId)] });
  });

  it.each<[string, (bigint | number)[], string]>([
    ['in the data', [], words(0, tokenId)],
    ['indexed', [0, tokenId], '0x'],
    ['half indexed', [0], word(tokenId)],
  ])('is the end of a range when both are %s', (_, indexed, data) => {
    const decoded = decode('BatchMetadataUpdate(uint256,uint256)', indexed, data);

    expect(decoded).toMatchObject({ kind: 'batch_metadata_update', tokens: [{ from: 0n, to: tokenId }] });
  });

  it.each<[string, (bigint | number)[], string]>([
    ['indexed, as the standard says', [tokenId], coder.encode(['string'], ['ipfs://x'])],
    ['indexed beside an indexed text', [id('ipfs://x') as unknown as bigint, tokenId].map(BigInt), '0x'],
    ['in the data', [], coder.encode(['string', 'uint256'], ['ipfs://x', tokenId])],
  ])('of URI is read when it is %s', (_, indexed, data) => {
    expect(decode('URI(string,uint256)', indexed, data)).toEqual({
      kind: 'uri',
      effect: 'refresh',
      tokens: [token(tokenId)],
    });
  });
});

it.each<[string, string, (bigint | number)[], string]>([
  ['MetadataUpdate without an id', 'MetadataUpdate(uint256)', [], '0x'],
  ['MetadataUpdate with two ids', 'MetadataUpdate(uint256)', [], words(1, 2)],
  ['MetadataUpdate that is cut short', 'MetadataUpdate(uint256)', [], '0x01'],
  ['a range without an end', 'BatchMetadataUpdate(uint256,uint256)', [], word(1)],
  ['a range whose end is before its beginning', 'BatchMetadataUpdate(uint256,uint256)', [], words(2, 1)],
  ['a range of three ids', 'BatchMetadataUpdate(uint256,uint256)', [1], words(2, 3)],
  ['URI without an id', 'URI(string,uint256)', [], coder.encode(['string'], ['ipfs://x'])],
  ['URI without anything', 'URI(string,uint256)', [], '0x'],
  [
    'TransferSingle without an amount',
    'TransferSingle(address,address,address,uint256,uint256)',
    [OPERATOR, ZERO, BOB],
    word(1),
  ],
  [
    'TransferBatch whose list is longer than its data',
    'TransferBatch(address,address,address,uint256[],uint256[])',
    [OPERATOR, ZERO, BOB],
    words(64, 64, 1000, 1),
  ],
  [
    'TransferBatch whose list is outside of its data',
    'TransferBatch(address,address,address,uint256[],uint256[])',
    [OPERATOR, ZERO, BOB],
    words(2n ** 255n, 64, 1, 1),
  ],
  [
    'a mint of a range whose end is before its beginning',
    'ConsecutiveTransfer(uint256,uint256,address,address)',
    [9, ZERO, BOB],
    word(8),
  ],
])('%s is undecodable', (_, signature, indexed, data) => {
  expect(decode(signature, indexed, data)).toBe('undecodable');
});

it.each([
  ['ContractURIUpdated()', '0x'],
  ['ContractURIUpdated(string,string)', coder.encode(['string', 'string'], ['ipfs://old', 'ipfs://new'])],
])('%s is about the contract, and names no token', (signature, data) => {
  expect(decode(signature, [], data)).toEqual({ kind: 'contract_uri_updated', effect: 'contract', tokens: [] });
});

it.each<[string, string, (bigint | number)[], string, object]>([
  [
    'a mint',
    'Transfer(address,address,uint256)',
    [ZERO, BOB, 7],
    '0x',
    { kind: 'mint', effect: 'mint', tokens: [token(7)] },
  ],
  [
    'a burn',
    'Transfer(address,address,uint256)',
    [ALICE, ZERO, 7],
    '0x',
    { kind: 'burn', effect: 'burn', tokens: [token(7)] },
  ],
  [
    'a batch of mints (ERC-2309)',
    'ConsecutiveTransfer(uint256,uint256,address,address)',
    [1, ZERO, BOB],
    word(5000),
    { kind: 'mint', tokens: [{ from: 1n, to: 5000n }] },
  ],
  [
    'a mint of copies',
    'TransferSingle(address,address,address,uint256,uint256)',
    [OPERATOR, ZERO, BOB],
    words(PAST_SAFE, 10),
    { kind: 'mint', tokens: [token(PAST_SAFE)] },
  ],
  [
    'a mint of several tokens',
    'TransferBatch(address,address,address,uint256[],uint256[])',
    [OPERATOR, ZERO, BOB],
    coder.encode(
      ['uint256[]', 'uint256[]'],
      [
        [3, MAX_TOKEN_ID],
        [1, 1],
      ],
    ),
    { kind: 'mint', tokens: [token(3), token(MAX_TOKEN_ID)] },
  ],
])('%s is decoded', (_, signature, indexed, data, expected) => {
  expect(decode(signature, indexed, data)).toMatchObject(expected);
});

it.each<[string, string, (bigint | number)[], string]>([
  ['a transfer between two owners', 'Transfer(address,address,uint256)', [ALICE, BOB, 7], '0x'],
  ['a transfer of ERC-20, whose amount is not indexed', 'Transfer(address,address,uint256)', [ZERO, BOB], word(7)],
  ['a transfer from nobody to nobody', 'Transfer(address,address,uint256)', [ZERO, ZERO, 7], '0x'],
  [
    'a burn of copies, of which others may exist',
    'TransferSingle(address,address,address,uint256,uint256)',
    [OPERATOR, ALICE, ZERO],
    words(7, 1),
  ],
  [
    'a mint of no token',
    'TransferBatch(address,address,address,uint256[],uint256[])',
    [OPERATOR, ZERO, BOB],
    coder.encode(['uint256[]', 'uint256[]'], [[], []]),
  ],
  ['an event that we do not know', 'Paused(address)', [], word(1)],
])('%s asks for nothing', (_, signature, indexed, data) => {
  expect(decode(signature, indexed, data)).toBeNull();
});

it('a log without a topic asks for nothing', () => {
  expect(decodeLog({ topics: [], data: '0x' })).toBeNull();
});

it.each<[string, (bigint | number)[], string, object[]]>([
  ['TraitUpdated(bytes32,uint256,bytes32)', [1], words(7, 2), [token(7)]],
  ['TraitUpdated(bytes32,uint256,bytes32)', [1, 7], word(2), [token(7)]],
  ['TraitUpdatedRange(bytes32,uint256,uint256)', [1], words(7, 9), [{ from: 7n, to: 9n }]],
  ['TraitUpdatedRangeUniformValue(bytes32,uint256,uint256,bytes32)', [1], words(7, 9, 2), [{ from: 7n, to: 9n }]],
  ['TraitUpdatedList(bytes32,uint256[])', [1], coder.encode(['uint256[]'], [[7, 9]]), [token(7), token(9)]],
  [
    'TraitUpdatedListUniformValue(bytes32,uint256[],bytes32)',
    [],
    coder.encode(['bytes32', 'uint256[]', 'bytes32'], [word(1), [7, 9], word(2)]),
    [token(7), token(9)],
  ],
  ['TraitMetadataURIUpdated()', [], '0x', [ALL_TOKENS]],
  ['TokenUriPinned(uint256,uint256)', [7, 1], '0x', [token(7)]],
  ['TokenUriUnpinned(uint256)', [7], '0x', [token(7)]],
  ['Upgraded(address)', [ALICE], '0x', [ALL_TOKENS]],
  ['BeaconUpgraded(address)', [], word(ALICE), [ALL_TOKENS]],
])('%s refreshes the tokens that it names', (signature, indexed, data, tokens) => {
  expect(decode(signature, indexed, data)).toMatchObject({ effect: 'refresh', tokens });
});
