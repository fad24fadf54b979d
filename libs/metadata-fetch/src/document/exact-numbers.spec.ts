import { canonicalNumber, parseExactly } from './exact-numbers.js';
import { ExactNumber } from './json-value.js';

const largest = (2n ** 256n - 1n).toString();

describe('numbers in documents', () => {
  it.each(['0', '-1', '1.5', '9007199254740991', '0.1', '1e21', '2.50', '100000000000000000000', '1E-7', '1e100'])(
    'the numbers of a document are JavaScript numbers if those are exact: %s',
    (text) => {
      expect(parseExactly(`{"x":${text}}`)).toEqual({
        value: { x: Number(text) },
        raw: `{"x":${text}}`,
        outOfRange: false,
      });
    },
  );

  it.each(['9007199254740993', '12345678901234567890', '0.1000000000000000055', largest, '-1.0000000000000000001e30'])(
    'the numbers of a document keep every digit that JavaScript would round: %s [C28]',
    (text) => {
      expect(parseExactly(`{"x":[{"y": ${text}}]}`)).toEqual({
        value: { x: [{ y: new ExactNumber(text) }] },
        raw: `{"x":[{"y": ${text}}]}`,
        outOfRange: false,
      });
    },
  );

  it.each(['1e400000', '-1e-20000', '1e101', '9'.repeat(1_001), '1e99999999999999999999'])(
    'the numbers of a document become text if PostgreSQL cannot store them: %s',
    (text) => {
      expect(parseExactly(`{"x":${text},"y":12345678901234567890}`)).toEqual({
        value: { x: text, y: new ExactNumber('12345678901234567890') },
        raw: `{"x":"${text}","y":12345678901234567890}`,
        outOfRange: true,
      });
    },
  );

  it('numbers are not searched for in strings and keys', () => {
    const text = String.raw`{"12345678901234567890":", 1e999 \" :1e999","x":[1e999]}`;

    expect(parseExactly(text).raw).toBe(text.replace('[1e999]', '["1e999"]'));
  });

  it.each(['{"x":1e}', '{"x":01e5}', '{"x":12345678901234567890.}', '{"x":+1e5}', '{"x":1e5.5}', '{"x":--1e5}'])(
    'a number that is not JSON throws SyntaxError: %s',
    (text) => {
      expect(() => parseExactly(text)).toThrow(SyntaxError);
    },
  );

  it.each([
    ['100', '1e2'],
    ['1.0', '1'],
    ['0.10', '1e-1'],
    ['-0', '0'],
    ['0e5', '0'],
    ['1E+2', '100'],
  ])('a number has one canonical spelling: %s is %s', (one, other) => {
    expect(canonicalNumber(one)).toBe(canonicalNumber(other));
  });
});
