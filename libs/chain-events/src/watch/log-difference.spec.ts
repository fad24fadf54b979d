import { keyOf, type ChainLog } from '../log/chain-log.js';
import { differenceOf, type SeenLog } from './log-difference.js';

const hashOf = (block: string) => `0x${block.padStart(64, '0')}`;
const aLog = (block: string, logIndex: number, address = '0xa'): ChainLog => ({
  address,
  blockNumber: Number.parseInt(block, 10),
  blockHash: hashOf(block.replace(/\D/g, (letter) => letter.charCodeAt(0).toString(16))),
  transactionHash: hashOf('1'),
  logIndex,
  topics: [],
  data: '0x',
});
const seenOf = (...logs: SeenLog[]) => new Map(logs.map((log) => [keyOf(log), log]));
const WINDOW = { fromBlock: 10, toBlock: 20, isAsked: () => true };

it('logs that were not seen are added, in the order of the chain, each once', () => {
  const [first, second, third] = [aLog('11', 0), aLog('11', 1), aLog('12', 0)];

  expect(differenceOf(seenOf(), [third, first, second, first], WINDOW)).toEqual({
    added: [first, second, third],
    vanished: [],
  });
});

it('logs that were seen are not added again', () => {
  expect(differenceOf(seenOf(aLog('11', 0)), [aLog('11', 0)], WINDOW)).toEqual({ added: [], vanished: [] });
});

it('a log that has moved to another block at the same height is added there, and vanished here', () => {
  const [before, after] = [aLog('11', 0), aLog('11b', 0)];

  expect(differenceOf(seenOf(before), [after], WINDOW)).toEqual({ added: [after], vanished: [before] });
});

it('a log outside of the window has not vanished', () => {
  expect(differenceOf(seenOf(aLog('9', 0), aLog('21', 0)), [], WINDOW)).toEqual({ added: [], vanished: [] });
});

it('a log that was not asked for has not vanished', () => {
  const seen = seenOf(aLog('11', 0, '0xremoved'), aLog('12', 0, '0xa'));

  expect(differenceOf(seen, [], { ...WINDOW, isAsked: ({ address }) => address === '0xa' }).vanished).toEqual([
    aLog('12', 0, '0xa'),
  ]);
});
