import {
  countWord,
  formatBytes,
  formatCount,
  formatPercent,
  formatRate,
  formatShare,
  formatShort,
  plural,
} from './numbers.js';

it('counts have their thousands apart', () => {
  expect([0, 412, 7312, 1_000_000].map(formatCount)).toEqual(['0', '412', '7,312', '1,000,000']);
  expect([0, 2000, 2500, 1_200_000].map(formatShort)).toEqual(['0', '2k', '2.5k', '1.2m']);
});

it('a percentage is never rounded up to 100, nor down to 0', () => {
  expect(formatPercent(9999, 10_000)).toBe('99%');
  expect(formatPercent(10_000, 10_000)).toBe('100%');
  expect(formatPercent(1, 10_000)).toBe('< 1%');
  expect(formatPercent(0, 10_000)).toBe('0%');
  expect(formatPercent(0, 0)).toBe('100%');
});

it('a share near 100 shows a tenth, and 100% only for all', () => {
  expect(formatShare(231_399, 231_400)).toBe('99.9%');
  expect(formatShare(5, 5)).toBe('100%');
  expect(formatShare(0, 0)).toBe('–');
});

it('a speed shows two digits', () => {
  expect([84.4, 12.6, 3.44, 0.0512].map(formatRate)).toEqual(['84', '13', '3.4', '0.051']);
});

it('a noun is singular or plural as its count requires', () => {
  expect([plural(1, 'token'), plural(2665, 'token'), plural(2, 'try', 'tries')]).toEqual([
    '1 token',
    '2,665 tokens',
    '2 tries',
  ]);
  expect([countWord(1), countWord(3), countWord(11)]).toEqual(['one', 'three', '11']);
});

it('sizes have one digit after the point', () => {
  expect([1, 1023, 1024, 5_242_880].map(formatBytes)).toEqual(['1 byte', '1,023 bytes', '1.0 KiB', '5.0 MiB']);
});
