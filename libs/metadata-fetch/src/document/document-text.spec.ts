import { truncate } from './document-text.js';

describe('truncation', () => {
  it.each([
    ['short enough', 'abc', 3, 'abc'],
    ['letters', 'abcdef', 3, 'abc'],
    ['before an emoji of two units [F33]', 'ab🦊', 3, 'ab'],
    ['before a family of emoji [F33]', 'a👨‍👩‍👧 b', 7, 'a'],
    ['before a letter with its accent [F33]', 'abe\u0301', 3, 'ab'],
    ['before a flag [F33]', 'a🇩🇪', 3, 'a'],
    ['before the blank that it would end in', 'ab \n\0cd', 5, 'ab'],
    ['a single character that is too long itself', `e${'\u0301'.repeat(50)}`, 5, `e${'\u0301'.repeat(4)}`],
    ['within such a character, at a whole code point', '🦊\u0301\u0301\u0301', 1, ''],
  ])('truncating a text never splits a grapheme: %s', (_, text, limit, cut) => {
    expect(truncate(text, limit)).toBe(cut);
  });
});
