import { collectionMarker, ngramsOf, nameKey, queryNgrams, searchText, UNNAMED } from './name-key.js';

it('the key of a name is the name in lower case, in every script', () => {
  expect(nameKey('ÄPFEL Лампа #7')).toBe('äpfel лампа #7');
  expect(nameKey('ΟΔΟΣ')).toBe(nameKey('οδοσ'));
});

it('a token without a name sorts behind all names and has no n-grams', () => {
  expect(nameKey(null)).toBe(UNNAMED);
  expect(nameKey('')).toBe(UNNAMED);
  expect(ngramsOf(UNNAMED)).toEqual([]);
});

it('the n-grams of every part of a name are among the n-grams of the name', () => {
  const name = nameKey('Firefly 灯台 👩‍🚀 #12');
  const characters = Array.from(name);
  const ngrams = new Set(ngramsOf(name));

  for (let from = 0; from < characters.length; from += 1) {
    for (let to = from + 1; to <= characters.length; to += 1) {
      const part = searchText(characters.slice(from, to).join(''));
      expect(queryNgrams(part).filter((ngram) => !ngrams.has(ngram))).toEqual([]);
    }
  }
});

it('a search for one character looks up no n-grams, and every longer one does', () => {
  expect(queryNgrams('a')).toEqual([]);
  expect(queryNgrams('灯台')).toHaveLength(1);
  expect(queryNgrams('abcd')).toHaveLength(2);
  expect(queryNgrams('abcdef')).toHaveLength(2);
});

it('n-grams fit a PostgreSQL integer, even those of the highest code points', () => {
  for (const ngram of [
    ...ngramsOf('\u{10FFFE}\u{10FFFE}\u{10FFFE}'),
    collectionMarker('ffffffff-ffff-4fff-bfff-ffffffffffff'),
  ]) {
    expect(Math.abs(ngram)).toBeLessThan(2 ** 31);
  }
});

it('the key of a name is cut after 255 characters, never within one', () => {
  expect(Array.from(nameKey('🦊'.repeat(300)))).toHaveLength(255);
});
