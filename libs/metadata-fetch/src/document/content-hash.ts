import { hash } from 'node:crypto';
import { canonicalNumber } from './exact-numbers.js';
import { ExactNumber, type JsonObject, type JsonValue } from './json-value.js';

/**
 * SHA-256 (hex) of the canonical document: equal for documents that differ in white space, in the order of their keys,
 * in how a character is escaped or a number written, and in nothing else.
 */
export function contentHash(document: JsonObject): string {
  return hash('sha256', canonicalText(document, lengthPrefixed), 'hex');
}

/** Sorted keys, no white space. Depth is bounded where documents are decoded. */
export function canonicalJson(value: JsonValue): string {
  return canonicalText(value, JSON.stringify);
}

/** As unambiguous as quotes and escapes, and three times cheaper: nothing has to be looked at. */
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

/** Most small objects, such as `{trait_type, value}`, come sorted; looking is cheaper than sorting. */
function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  for (let index = 1; index < keys.length; index += 1) {
    if (keys[index - 1]! > keys[index]!) return keys.toSorted();
  }
  return keys;
}
