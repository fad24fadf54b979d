import { isDeepStrictEqual } from 'node:util';
import { createPatch, type Operation } from 'rfc6902';
import { canonicalNumber, parseExactly } from './exact-numbers.js';
import { ExactNumber } from './json-value.js';

/** Of both documents together, in characters. Comparing more would block the event loop for too long. */
const MAX_CHARACTERS = 1024 * 1024;
/** In all lists together: the shortest edit of two lists may look at each pair of their elements, and then costs microseconds. */
const MAX_PAIRS = 10_000;
/** Values and names of members that are compared in all. */
const MAX_COMPARISONS = 200_000;

/**
 * The JSON Patch (RFC 6902) that makes one stored document into another, as JSON text: numbers keep every digit. Where a comparison
 * would take too long, such as of two long lists that differ, the patch replaces the whole value. null: the documents are too large.
 */
export function documentPatch(from: string, to: string): string | null {
  if (from.length + to.length > MAX_CHARACTERS) return null;
  let comparisons = MAX_COMPARISONS;
  let pairs = MAX_PAIRS;
  const compare = (before: unknown, after: unknown, path: string): Operation[] | undefined => {
    if (before === after) return [];
    const replacement: Operation[] = [{ op: 'replace', path, value: after }];
    comparisons -= 1 + membersOf(before) + membersOf(after);
    if (comparisons < 0) return replacement;
    if (before instanceof ExactNumber || after instanceof ExactNumber) {
      return isSameNumber(before, after) ? [] : replacement;
    }
    if (Array.isArray(before) && Array.isArray(after)) {
      comparisons -= Math.min(before.length, after.length);
      if (isDeepStrictEqual(before, after)) return [];
      pairs -= before.length * after.length;
      if (pairs < 0) return replacement;
    }
    // The library compares objects and lists, and asks again for each pair inside of them.
    return undefined;
  };
  const operations = createPatch(parseExactly(from).value, parseExactly(to).value, (before, after, pointer) =>
    compare(before, after, pointer.toString()),
  );
  return JSON.stringify(operations, (_key, value: unknown) =>
    value instanceof ExactNumber ? rawJSON(value.text) : value,
  );
}

function membersOf(value: unknown): number {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).length : 0;
}

/** A number that is no ExactNumber is one that a double holds exactly, and so another one. */
function isSameNumber(before: unknown, after: unknown): boolean {
  return (
    before instanceof ExactNumber &&
    after instanceof ExactNumber &&
    canonicalNumber(before.text) === canonicalNumber(after.text)
  );
}

/** TypeScript does not declare it yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON: (text: string) => unknown };
