import { describeRuns, parseRuns, parseTokenIds, runsOf, shortId } from './token-ids.js';

const MAX_UINT256 = (2n ** 256n - 1n).toString();

it('ids that follow each other are one run', () => {
  expect(runsOf(['1', '2', '3', '7', '9', '10'])).toEqual([
    { from: '1', to: '3' },
    { from: '7', to: '7' },
    { from: '9', to: '10' },
  ]);
  expect(runsOf([])).toEqual([]);
});

it('runs of ids beyond 2^53 are exact', () => {
  const before = (2n ** 256n - 2n).toString();

  expect(runsOf(['9007199254740992', '9007199254740993', before, MAX_UINT256])).toEqual([
    { from: '9007199254740992', to: '9007199254740993' },
    { from: before, to: MAX_UINT256 },
  ]);
});

it('a run that contains all tokens is shown as one', () => {
  expect(describeRuns([{ from: '8112', to: '8379' }], 268)).toBe('All are one run: 8,112 to 8,379.');
  expect(describeRuns([{ from: '3', to: '4' }], 2)).toBe('Tokens 3 to 4.');
  expect(describeRuns(runsOf(['5', ...ids(8112, 8379)]), 269)).toBe('Almost all are one run: 8,112 to 8,379.');
});

it('several runs are named, the longest first, and the rest is counted', () => {
  expect(describeRuns(runsOf(['733']), 1)).toBe('Token 733.');
  expect(describeRuns(runsOf(['1', '5', '6']), 3)).toBe('Tokens 5 to 6, 1.');
  expect(describeRuns(runsOf([...ids(1, 10), ...ids(20, 25), ...ids(40, 43), '99']), 21)).toBe(
    'The longest three runs: 1 to 10, 20 to 25, 40 to 43.',
  );
  expect(describeRuns(runsOf(ids(1, 40)), 4000)).toBe('The longest run: 1 to 40.');
  expect(describeRuns(runsOf(['1', '3', '5', '7']), 4000)).toBe('Among them 1, 3, 5, and 3,997 others.');
  expect(describeRuns([], 5)).toBe('');
});

it('a long id shows its ends', () => {
  expect(shortId('4412')).toBe('4412');
  expect(shortId(MAX_UINT256)).toBe('115792…9935');
});

function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

it('ids are typed one by one or as ranges, and each once', () => {
  expect(parseTokenIds('1, 2 5-7\n007', 20)).toEqual(['1', '2', '5', '6', '7']);
  expect(parseTokenIds(MAX_UINT256, 20)).toEqual([MAX_UINT256]);
});

it('ranges are typed with single ids among them, and are not counted', () => {
  expect(parseRuns('1-5000; 007', 2)).toEqual([
    { from: '1', to: '5000' },
    { from: '7', to: '7' },
  ]);
  expect(parseRuns('1-2 3-4 5-6', 2)).toBe('These are 3 ranges, and 2 are allowed.');
  expect(parseRuns('9-1', 2)).toBe('“9-1” ends before it begins.');
  expect(parseRuns('', 2)).toBe('Type at least one range, such as 1-5000.');
});

it('a text that is not a token id is refused with the reason', () => {
  expect(parseTokenIds('1, 0x2', 20)).toBe('“0x2” is not a token id: use decimal digits, or 5-12 for a range.');
  expect(parseTokenIds('9-1', 20)).toBe('“9-1” ends before it begins.');
  expect(parseTokenIds((2n ** 256n).toString(), 20)).toBe('“115792…9936” is larger than any token id.');
  expect(parseTokenIds('1-999999999999', 20)).toBe('These are more than 20 tokens.');
  expect(parseTokenIds('1-20 30', 20)).toBe('These are 21 tokens, and 20 are allowed.');
  expect(parseTokenIds(' , ', 20)).toBe('Type at least one token id.');
});
