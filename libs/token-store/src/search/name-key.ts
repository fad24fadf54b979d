/** Sorts behind every name: the key of a token that has none. */
export const UNNAMED = '\u{10FFFF}';

/** Longer than any name that is stored; an index row has to fit a quarter of a page. */
const MAX_CHARACTERS = 255;
/** Hashes fit a PostgreSQL `integer`. */
const HASH_RANGE = 2_147_483_647;

/** A name as it is searched and sorted: in one case, whatever the locale of the database. */
export function nameKey(name: string | null): string {
  const key = Array.from(lowerCase(name ?? ''))
    .slice(0, MAX_CHARACTERS)
    .join('');
  return key === '' ? UNNAMED : key;
}

/** What is searched for, written as the keys are. */
export function searchedName(text: string): string {
  return lowerCase(text);
}

/**
 * The pieces of a name key that its search index holds: each two and each three characters that follow one another, as
 * hashes. Two pieces may share a hash, so whoever searches compares the text as well. The key of an unnamed token has none.
 */
export function gramsOf(key: string): number[] {
  const codes = codePoints(key);
  return distinct([...pairs(codes), ...triples(codes)]);
}

/** The pieces to look for when a name has to contain this text: the longest that there are. None for one character. */
export function searchedGrams(text: string): number[] {
  const codes = codePoints(text);
  return distinct(codes.length === 2 ? pairs(codes) : triples(codes));
}

/** A piece that all names of one collection have: a search in one collection does not read the pieces of others. */
export function collectionGram(collectionId: string): number {
  return Number.parseInt(collectionId.slice(-8), 16) % HASH_RANGE;
}

function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0)!);
}

/** Below zero, so that pairs and triples never meet. */
function pairs(codes: readonly number[]): number[] {
  return codes.slice(1).map((code, at) => -1 - ((codes[at]! * 257 + code) % HASH_RANGE));
}

function triples(codes: readonly number[]): number[] {
  return codes.slice(2).map((code, at) => (codes[at]! * 66_049 + codes[at + 1]! * 257 + code) % HASH_RANGE);
}

/** The sigma at the end of a word is another letter in lower case, which a part of a word does not have. */
function lowerCase(text: string): string {
  return text.toLowerCase().replaceAll('ς', 'σ');
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)];
}
