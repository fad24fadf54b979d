import { parseExactly } from './exact-numbers.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { trimWhere } from './trimmed-text.js';

/** A noncharacter that replaces NUL until it is clear whether it is padding. */
const NUL = '\uffff';

/** Whether a JSON text may contain NULs in its strings, raw or escaped. */
export function mayHoldNul(text: string): boolean {
  return text.includes('\0') || text.includes('\\u0000');
}

/**
 * Parses valid JSON with NULs for display. At the ends of keys and texts, NULs are the padding of fixed-size strings; they are
 * removed with the white space beside them. Inside of a text each becomes U+FFFD, as in the stored document.
 */
export function parseWithoutPadding(text: string): JsonValue {
  return withoutPadding(parseExactly(sanitizeForPostgres(text, NUL)).value);
}

function withoutPadding(value: JsonValue): JsonValue {
  if (typeof value === 'string') return textWithoutPadding(value);
  if (Array.isArray(value)) return value.map(withoutPadding);
  return isJsonObject(value) ? membersWithoutPadding(value) : value;
}

/** Drops a key that would become equal to another one, so that it does not overwrite that field. */
function membersWithoutPadding(object: JsonObject): JsonObject {
  const members = Object.keys(object).map((key) => [key, textWithoutPadding(key)] as const);
  const unique = members.filter(([key, plain]) => key === plain || !Object.hasOwn(object, plain));
  return Object.fromEntries(unique.map(([key, plain]) => [plain, withoutPadding(object[key]!)]));
}

function textWithoutPadding(text: string): string {
  return text.includes(NUL) ? trimWhere(text, isPadding).replaceAll(NUL, '\ufffd') : text;
}

function isPadding(code: number): boolean {
  return code === NUL.charCodeAt(0) || code <= SPACE;
}

const SPACE = 0x20;
