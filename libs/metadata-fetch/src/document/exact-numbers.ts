import { endOfString } from './json-string.js';
import { ExactNumber, type JsonValue } from './json-value.js';

/** PostgreSQL expands `1e100000` to all its zeros, so a small document of such numbers would become an enormous one. */
const MAX_EXPONENT = 100;
const MAX_NUMBER_LENGTH = 1_000;

/** Matches where a number may start that a double cannot hold exactly. Few documents have one. */
const SUSPECT = /[[:,\s]-?\d(?:[\d.]*[eE]|[\d.]{15})/;
const NUMBER = /-?\d[\d.eE+-]*/y;

export interface ExactJson {
  value: JsonValue;
  /** The text, with out-of-range numbers in quotes. */
  raw: string;
  /** Whether the text has a number that PostgreSQL cannot store. */
  outOfRange: boolean;
}

/**
 * Parse JSON and keep every digit of numbers that JavaScript would round. Throws SyntaxError if the text is not JSON.
 * Bound the depth of the text first: a reviver recurses.
 */
export function parseExactly(text: string): ExactJson {
  const value = parseJson(text);
  if (!SUSPECT.test(text)) return { value, raw: text, outOfRange: false };

  let isRounded = false;
  const raw = replaceNumbers(text, (number) => {
    if (isExactDouble(number)) return number;
    if (!isStorable(number)) return `"${number}"`;
    isRounded = true;
    return number;
  });
  const outOfRange = raw !== text;
  // Parsing with a reviver takes several times as long, so only documents with a rounded number pay for it.
  if (isRounded) return { value: parseJson(raw, keepDigits), raw, outOfRange };
  return { value: outOfRange ? parseJson(raw) : value, raw, outOfRange };
}

/** A reviver. `source`, the digits as served, is present for every primitive value. */
function keepDigits(_key: string, value: JsonValue, { source = '' }: { source?: string }): JsonValue {
  return typeof value !== 'number' || isExactDouble(source) ? value : new ExactNumber(source);
}

function parseJson(text: string, reviver?: typeof keepDigits): JsonValue {
  // TypeScript does not declare the third parameter of a reviver yet.
  const value: JsonValue = JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  return value;
}

/** Expects valid JSON. Scans by hand: a regular expression over the strings would overflow the stack on a long one. */
function replaceNumbers(text: string, replace: (number: string) => string): string {
  let replaced = '';
  let copied = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      NUMBER.lastIndex = index;
      const number = NUMBER.exec(text)![0];
      const replacement = replace(number);
      if (replacement !== number) {
        replaced += text.slice(copied, index) + replacement;
        copied = index + number.length;
      }
      index += number.length - 1;
    }
  }
  return copied === 0 ? text : replaced + text.slice(copied);
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** One spelling per value: `100`, `1e2` and `100.0` give the same text. */
export function canonicalNumber(text: string): string {
  const { sign, digits, power } = readNumber(text);
  return digits === '' ? '0' : `${sign}${digits}e${power}`;
}

/** The value is sign digits × 10^power. The digits neither start nor end with a zero. */
function readNumber(text: string): { sign: string; digits: string; power: number } {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  // `/0+$/` would be quadratic in a long run of zeros.
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end -= 1;
  return { sign, digits: digits.slice(0, end), power: Number(exponent) - fraction.length + (digits.length - end) };
}

function isStorable(token: string): boolean {
  if (token.length > MAX_NUMBER_LENGTH) return false;
  const exponent = /e(.*)$/i.exec(token)?.[1];
  return exponent === undefined || Math.abs(Number(exponent)) <= MAX_EXPONENT;
}

export function isExactDouble(token: string): boolean {
  // A double holds any 15 digits, and prints at most 17.
  if (token.length <= 15 && !/e/i.test(token)) return true;
  if (!isStorable(token) || readNumber(token).digits.length > 17) return false;
  return canonicalNumber(String(Number(token))) === canonicalNumber(token);
}
