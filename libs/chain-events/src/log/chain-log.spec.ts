import { readLogs } from './chain-log.js';

const ADDRESS = `0x${'ab'.repeat(20)}`;
const HASH = `0x${'12'.repeat(32)}`;
const QUERY = { addresses: new Set([ADDRESS]), fromBlock: 10, toBlock: 20 };

const aLog = (fields: object = {}) => ({
  address: ADDRESS,
  blockNumber: '0xf',
  blockHash: HASH,
  transactionHash: HASH,
  transactionIndex: '0x0',
  logIndex: '0x1',
  topics: [HASH],
  data: '0x',
  removed: false,
  ...fields,
});

it('a log is read, whatever the case of its digits', () => {
  expect(readLogs([aLog({ address: ADDRESS.toUpperCase().replace('0X', '0x') })], QUERY)).toEqual({
    logs: [
      {
        address: ADDRESS,
        blockNumber: 15,
        blockHash: HASH,
        transactionHash: HASH,
        logIndex: 1,
        topics: [HASH],
        data: '0x',
      },
    ],
    refused: 0,
  });
});

it.each([
  ['of another contract', { address: `0x${'cd'.repeat(20)}` }],
  ['of an earlier block', { blockNumber: '0x9' }],
  ['of a later block', { blockNumber: '0x15' }],
  ['of a pending block', { blockNumber: null, blockHash: null }],
  ['with a short hash', { blockHash: '0x12' }],
  ['without topics', { topics: undefined, data: 'x' }],
  ['with five topics', { topics: [HASH, HASH, HASH, HASH, HASH] }],
  ['with a topic that is no hash', { topics: ['0x1'] }],
  ['with half a byte of data', { data: '0x123' }],
  ['with a number in place of a quantity', { logIndex: 1 }],
])('a log %s is refused, and the others are read', (_, fields) => {
  expect(readLogs([aLog(fields), aLog()], QUERY)).toMatchObject({ logs: [{ blockNumber: 15 }], refused: 1 });
});

it.each([[null], ['text'], [7]])('an entry that is %j is refused', (entry) => {
  expect(readLogs([entry], QUERY)).toEqual({ logs: [], refused: 1 });
});

it('a log that the node reports as removed is left out', () => {
  expect(readLogs([aLog({ removed: true })], QUERY)).toEqual({ logs: [], refused: 0 });
});

it.each([[null], [undefined], ['0x'], [{}]])('%j is no list of logs', (result) => {
  expect(readLogs(result, QUERY)).toBeNull();
});
