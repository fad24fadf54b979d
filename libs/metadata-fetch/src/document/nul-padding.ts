import { parseExactly } from './exact-numbers.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { trimWhere } from '@app/metadata-uri';

const REPLACEMENT = '\ufffd';
/** Noncharacters. One that the text does not contain replaces NUL until it is clear whether it is padding. */
const NONCHARACTERS = ['\uffff', '\ufffe', '\ufdd0', '\ufdd1', '\ufdd2'];

/** Whether a JSON text may contain NULs in its strings, raw or escaped. */
export function mayHoldNul(text: string): boolean {
  return text.includes('\0') || text.includes('\\u0000');
}

/**
 * Parses valid JSON with NULs for display. At the ends of keys and texts, NULs are the padding of fixed-size strings; they are
 * removed with the white space beside them. Inside of a text each becomes U+FFFD, as in the stored value.
 */
export function withoutNulPadding(text: string, stored: JsonValue): JsonValue {
  const nul = NONCHARACTERS.find((character) => !mayHold(text, character));
  if (nul === undefined) return withoutStoredPadding(stored);
  return withoutPadding(parseExactly(sanitizeForPostgres(text, nul)).value, nul);
}

/** For a document whose NULs were stored as U+FFFD. It is unknown which U+FFFD were NULs, so those at the ends count as padding. */
export function withoutStoredPadding(stored: JsonValue): JsonValue {
  return withoutPadding(stored, REPLACEMENT);
}

/** Raw or escaped. */
function mayHold(text: string, character: string): boolean {
  return text.includes(character) || text.toLowerCase().includes(`\\u${character.charCodeAt(0).toString(16)}`);
}

function withoutPadding(value: JsonValue, nul: string): JsonValue {
  if (typeof value === 'string') return textWithoutPadding(value, nul);
  if (Array.isArray(value)) return value.map((element) => withoutPadding(element, nul));
  return isJsonObject(value) ? membersWithoutPadding(value, nul) : value;
}

/** Drops a key that would become equal to another one, so that it does not overwrite that field. */
function membersWithoutPadding(object: JsonObject, nul: string): JsonObject {
  const members = Object.keys(object).map((key) => [key, textWithoutPadding(key, nul)] as const);
  const unique = members.filter(([key, plain]) => key === plain || !Object.hasOwn(object, plain));
  return Object.fromEntries(unique.map(([key, plain]) => [plain, withoutPadding(object[key]!, nul)]));
}

function textWithoutPadding(text: string, nul: string): string {
  if (!text.includes(nul)) return text;
  const isPadding = (code: number) => code === nul.charCodeAt(0) || code <= SPACE;
  const trimmed = trimWhere(text, isPadding);
  return nul === REPLACEMENT || !trimmed.includes(nul) ? trimmed : replaceUnits(trimmed, nul);
}

/** In place, unit by unit: half a million NULs in one text would take replaceAll more memory than a reading thread has. */
function replaceUnits(text: string, nul: string): string {
  const units = Buffer.from(text, 'utf16le');
  const [from, to] = [nul.charCodeAt(0), REPLACEMENT.charCodeAt(0)];
  for (let at = 0; at < units.length; at += 2) {
    if (units.readUInt16LE(at) === from) units.writeUInt16LE(to, at);
  }
  return units.toString('utf16le');
}

const SPACE = 0x20;
