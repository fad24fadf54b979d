import { parseExactly } from './exact-numbers.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { trimWhere } from './trimmed-text.js';

/** No character: it stands for a NUL until it is known whether that is padding. */
const NUL = '\uffff';

/** Whether a JSON text may have NULs in its strings, raw or escaped. */
export function mayHoldNul(text: string): boolean {
  return text.includes('\0') || text.includes('\\u0000');
}

/**
 * Valid JSON text with NULs, as it is shown: at the ends of keys and texts they are the padding of strings of a fixed
 * size, and dropped with the blanks beside them. Inside of a text U+FFFD stands for each, as in the stored document.
 */
export function parseWithoutPadding(text: string): JsonValue {
  return withoutPadding(parseExactly(sanitizeForPostgres(text, NUL)).value);
}

function withoutPadding(value: JsonValue): JsonValue {
  if (typeof value === 'string') return textWithoutPadding(value);
  if (Array.isArray(value)) return value.map(withoutPadding);
  return isJsonObject(value) ? membersWithoutPadding(value) : value;
}

/** A key that becomes one which is there already gives way: two fields never turn into one. */
function membersWithoutPadding(object: JsonObject): JsonObject {
  const members = Object.keys(object).map((key) => [key, textWithoutPadding(key)] as const);
  const kept = members.filter(([key, shown]) => key === shown || !Object.hasOwn(object, shown));
  return Object.fromEntries(kept.map(([key, shown]) => [shown, withoutPadding(object[key]!)]));
}

function textWithoutPadding(text: string): string {
  return text.includes(NUL) ? trimWhere(text, isPadding).replaceAll(NUL, '\ufffd') : text;
}

function isPadding(code: number): boolean {
  return code === NUL.charCodeAt(0) || code <= SPACE;
}

const SPACE = 0x20;
