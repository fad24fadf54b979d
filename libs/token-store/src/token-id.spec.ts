import { isTokenId } from './token-id.js';

const largest = (2n ** 256n - 1n).toString();

describe('token ids', () => {
  it.each(['0', '1', '9007199254740993', largest])('a token id may be %s', (text) => {
    expect(isTokenId(text)).toBe(true);
  });

  it.each(['', '01', '-1', '+1', '1.0', '1e3', '0x1', ' 1', '1\n', '١', (2n ** 256n).toString(), `${largest}0`])(
    'a token id cannot be %j',
    (text) => {
      expect(isTokenId(text)).toBe(false);
    },
  );
});
