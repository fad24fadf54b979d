import { parseTokenIds } from './token-ids.js';

const largest = (2n ** 256n - 1n).toString();

describe('lists of token ids', () => {
  it('a list of token ids contains ids and inclusive ranges, each id once', () => {
    expect(parseTokenIds('1-3,2,7\n9')).toEqual(['1', '2', '3', '7', '9']);
  });

  it('a list of token ids keeps the largest uint256 exactly', () => {
    const before = (2n ** 256n - 2n).toString();
    expect(parseTokenIds(`${before}-${largest}`)).toEqual([before, largest]);
  });

  it('a list of token ids must not have a range of more than a million ids, which the error names [H20]', () => {
    expect(parseTokenIds('1-1000000')).toHaveLength(1_000_000);
    expect(() => parseTokenIds('1-1000000000')).toThrow('Range 1-1000000000 has more than 1000000 tokens.');
    expect(() => parseTokenIds('1-600000,1000001-1600000')).toThrow('The list has more than 1000000 tokens.');
  });

  it.each(['', ' , ', 'abc', '1-', '-1', '01', '1-2-3', '3-1', `1-${largest}`, '1-1000001', '0x10'])(
    'a list of token ids cannot be %j',
    (text) => {
      expect(() => parseTokenIds(text)).toThrow(/token|range/i);
    },
  );
});
