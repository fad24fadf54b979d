/** The key of a token without a name. Sorts behind every name. */
export const UNNAMED = '\u{10FFFF}';

/** An index row has to fit a quarter of a page. */
const MAX_CHARACTERS = 255;
/** Hashes fit a PostgreSQL `integer`. */
const HASH_RANGE = 2_147_483_647;

/** A name as it is searched and sorted: in lower case, independent of the locale of the database. */
export function nameKey(name: string | null): string {
  const key = Array.from(lowerCase(name ?? ''))
    .slice(0, MAX_CHARACTERS)
    .join('');
  return key === '' ? UNNAMED : key;
}

/** The text of a search in the form of the keys. */
export function searchText(text: string): string {
  return lowerCase(text);
}

/**
 * The bigrams and trigrams of a name key, as hashes. Two n-grams may have the same hash, so a search compares the text as
 * well. The key of an unnamed token has none.
 */
export function ngramsOf(key: string): number[] {
  const codes = codePoints(key);
  return distinct([...bigrams(codes), ...trigrams(codes)]);
}

/**
 * The n-grams to look up when a name has to contain this text: trigrams that cover it without overlap, as few as possible,
 * because each costs another posting list. One bigram for two characters, none for one character.
 */
export function queryNgrams(text: string): number[] {
  const codes = codePoints(text);
  if (codes.length <= 2) return bigrams(codes);
  const all = trigrams(codes);
  return distinct(all.filter((_, index) => index % 3 === 0 || index === all.length - 1));
}

/** Indexed beside the n-grams of each name of a collection, so that a search in it skips the names of others. */
export function collectionMarker(collectionId: string): number {
  return Number.parseInt(collectionId.slice(-8), 16) % HASH_RANGE;
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

/** Below zero, so that a bigram never has the hash of a trigram. */
function bigrams(codes: readonly number[]): number[] {
  return codes.slice(1).map((code, index) => -1 - ((codes[index]! * 257 + code) % HASH_RANGE));
}

function trigrams(codes: readonly number[]): number[] {
  return codes.slice(2).map((code, index) => (codes[index]! * 66_049 + codes[index + 1]! * 257 + code) % HASH_RANGE);
}

/** A sigma at the end of a word has a lower case of its own, which the same letter within a searched part has not. */
function lowerCase(text: string): string {
  return text.toLowerCase().replaceAll('ς', 'σ');
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)];
}
