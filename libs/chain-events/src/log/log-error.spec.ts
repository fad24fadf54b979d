import { readLogError } from './log-error.js';

const QUERIED = { fromBlock: 1_000_000, toBlock: 1_099_999 };
const read = (message: string, code = -32_000) => readLogError({ code, message }, QUERIED);

it.each([
  // Alchemy
  [
    'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the response size limit, this block range should work: [0xf4240, 0xf4a0f]',
    2000,
    false,
  ],
  [
    'Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0xf4240, 0xf4249]. Upgrade to PAYG for expanded block range.',
    10,
    false,
  ],
  ['You can make eth_getLogs requests with up to a 2K block range.', 2000, true],
  // Infura
  ['query returned more than 10000 results. Try with this block range [0xF4240, 0xF4247].', 8, false],
  // Erigon, LlamaRPC
  ['query exceeds max results 20000, retry with the range 1000000-1000010', 11, false],
  ['range is too large, max is 1k blocks', 1000, true],
  // QuickNode
  ['eth_getLogs is limited to a 10,000 range', 10_000, true],
  ['eth_getLogs is limited to a 5 range', 5, true],
  // BlockPI, 1RPC
  [
    'eth_getLogs is limited to 1024 block range. Please check the parameter requirements at https://docs.blockpi.io',
    1024,
    true,
  ],
  ['eth_getLogs is limited to 0 - 10000 blocks range', 10_000, true],
  // Cloudflare
  ['invalid params: Max range: 800', 800, true],
  // Avalanche
  ['requested too many blocks from 1000000 to 1099999, maximum is set to 2048', 2048, true],
  // PublicNode, Hyperliquid, Coinbase, dRPC, Blast
  ['exceed maximum block range: 50000', 50_000, true],
  ['query exceeds max block range 1000', 1000, true],
  ['please limit the query to at most 1,000 blocks', 1000, true],
  ['ranges over 10000 blocks are not supported on freetier', 10_000, true],
  ['The requested block range exceeds the range allowed for your plan (100000 > 500)', 500, true],
])('a node that says %s allows a known number of blocks', (message, maxBlocks, isFixed) => {
  expect(read(message, -32_005)).toEqual({ kind: 'limit', maxBlocks, isFixed });
});

it.each([
  'query returned more than 10000 results',
  'block range is too wide',
  'Block range limit exceeded. See more details at https://docs.chainstack.com/docs/limits#evm-range-limits',
  'Block range is too large',
  'logs matched by query exceeds limit of 10000',
  'backend response too large',
  'response size should not greater than 10000000 bytes',
  'query timeout exceeded',
  // Ranges that were not asked for, or not smaller.
  'query returned more than 10000 results. Try with this block range [0x1, 0x8].',
  'query returned more than 10000 results. Try with this block range [0xF4240, 0x10C8DF].',
  'query exceeds max block range 9000000',
])('a node that says %s is asked for half of the blocks', (message) => {
  expect(read(message, -32_005)).toEqual({ kind: 'limit', maxBlocks: null, isFixed: false });
});

it.each([
  ['daily request count exceeded, request rate limited', -32_005],
  ['Your app has exceeded its compute units per second capacity', 429],
  ['rate limit exceeded', -32_000],
  ['Too Many Requests', -32_090],
  ['', -32_005],
])('a node that says %s has received too many requests', (message, code) => {
  expect(read(message, code)).toEqual({ kind: 'throttled' });
});

it.each(['block range extends beyond current head block', 'unknown block', 'header not found'])(
  'a node that says %s is behind',
  (message) => {
    expect(read(message)).toEqual({ kind: 'behind' });
  },
);

it.each(['missing trie node', 'internal error', 'method not found'])('a node that says %s has failed', (message) => {
  expect(read(message)).toEqual({ kind: 'failed' });
});
