import { collectionGram, gramsOf, nameKey, searchedGrams, searchedName, UNNAMED } from './name-key.js';

it('a key is the name in lower case, in every script', () => {
  expect(nameKey('ÄPFEL Лампа #7')).toBe('äpfel лампа #7');
  expect(nameKey('ΟΔΟΣ')).toBe(nameKey('οδοσ'));
});

it('a token without a name sorts behind all names, and is found by no search', () => {
  expect(nameKey(null)).toBe(UNNAMED);
  expect(nameKey('')).toBe(UNNAMED);
  expect(gramsOf(UNNAMED)).toEqual([]);
});

it('the pieces of every part of a name are among the pieces of the name', () => {
  const name = nameKey('Firefly 灯台 👩‍🚀 #12');
  const characters = Array.from(name);
  const pieces = new Set(gramsOf(name));

  for (let from = 0; from < characters.length; from += 1) {
    for (let to = from + 1; to <= characters.length; to += 1) {
      const part = searchedName(characters.slice(from, to).join(''));
      expect(searchedGrams(part).filter((piece) => !pieces.has(piece))).toEqual([]);
    }
  }
});

it('text of one character has no pieces, and all others have', () => {
  expect(searchedGrams('a')).toEqual([]);
  expect(searchedGrams('灯台')).toHaveLength(1);
  expect(searchedGrams('abcd')).toHaveLength(2);
});

it('pieces fit an integer of the database, also of the highest code points', () => {
  for (const piece of [
    ...gramsOf('\u{10FFFE}\u{10FFFE}\u{10FFFE}'),
    collectionGram('ffffffff-ffff-4fff-bfff-ffffffffffff'),
  ]) {
    expect(Math.abs(piece)).toBeLessThan(2 ** 31);
  }
});

it('a key is cut at 255 characters, never within one', () => {
  expect(Array.from(nameKey('🦊'.repeat(300)))).toHaveLength(255);
});
