import { parseTokenIds } from './token-ids.js';

const largest = (2n ** 256n - 1n).toString();

describe('lists of token ids', () => {
  it('hold ids and inclusive ranges, each id once', () => {
    expect(parseTokenIds('1-3,2,7\n9')).toEqual(['1', '2', '3', '7', '9']);
  });

  it('reach to the largest uint256 without rounding', () => {
    const before = (2n ** 256n - 2n).toString();
    expect(parseTokenIds(`${before}-${largest}`)).toEqual([before, largest]);
  });

  it.each(['', ' , ', 'abc', '1-', '-1', '01', '1-2-3', '3-1', `1-${largest}`, '1-1000001', '0x10'])(
    'are not %j',
    (text) => {
      expect(() => parseTokenIds(text)).toThrow(/token|range/i);
    },
  );
});
