import { hash } from 'node:crypto';
import { canonicalNumber } from './exact-numbers.js';
import { ExactNumber, type JsonObject, type JsonValue } from './json-value.js';

/**
 * SHA-256 (hex) of the canonical document. Documents have the same hash if they differ only in white space, the order of
 * keys, the escapes of characters or the spelling of numbers.
 */
export function contentHash(document: JsonObject): string {
  return hash('sha256', canonicalText(document, lengthPrefixed), 'hex');
}

/** Sorts keys and removes white space. Recursive: the depth is bounded when the document is decoded. */
export function canonicalJson(value: JsonValue): string {
  return canonicalText(value, JSON.stringify);
}

/** As unambiguous as quoting, and three times faster, since it does not look for characters to escape. */
function lengthPrefixed(text: string): string {
  return `${text.length}:${text}`;
}

function canonicalText(value: JsonValue, quote: (text: string) => string): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  if (value === null) return 'null';
  if (value instanceof ExactNumber) return canonicalNumber(value.text);

  let text = '';
  if (Array.isArray(value)) {
    for (const element of value)
      text += text === '' ? canonicalText(element, quote) : `,${canonicalText(element, quote)}`;
    return `[${text}]`;
  }
  for (const key of sortedKeys(value)) {
    text += `${text === '' ? '' : ','}${quote(key)}:${canonicalText(value[key]!, quote)}`;
  }
  return `{${text}}`;
}

/** Checks first, which is cheaper than sorting: most small objects, such as `{trait_type, value}`, are sorted. */
function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  for (let index = 1; index < keys.length; index += 1) {
    if (keys[index - 1]! > keys[index]!) return keys.toSorted();
  }
  return keys;
}
