import { endOfString } from './json-string.js';
import { ExactNumber, isJsonObject, type JsonValue } from './json-value.js';

/** PostgreSQL writes `1e100000` out with all its zeros; a small document full of those would be an enormous one. */
const MAX_EXPONENT = 100;
const MAX_NUMBER_LENGTH = 1_000;

/** Only where a number may begin, and only what a double may be unable to hold. Rarely true of a document. */
const SUSPECT = /[[:,\s]-?\d(?:[\d.]*[eE]|[\d.]{15})/;
const NUMBER = /-?\d[\d.eE+-]*/y;

/** No string of a storable text contains U+0000, so it can mark the strings that stand for numbers. */
const MARK = '\0';

/** Read storable JSON text so that numbers keep their last digit, also where JavaScript would round. */
export function parseExactly(text: string): { value: JsonValue; raw: string; outOfRange: boolean } {
  if (!SUSPECT.test(text)) return { value: parseJson(text), raw: text, outOfRange: false };

  // What is no JSON must fail as it was served, before strings take the place of its numbers.
  const rounded = parseJson(text);
  let outOfRange = false;
  const marked = replaceNumbers(text, (number) => {
    if (isExactDouble(number)) return number;
    if (isStorable(number)) return `"\\u0000${number}"`;
    outOfRange = true;
    return `"${number}"`;
  });
  if (marked === text) return { value: rounded, raw: text, outOfRange };
  const raw = outOfRange ? replaceNumbers(text, (number) => (isStorable(number) ? number : `"${number}"`)) : text;
  return { value: withExactNumbers(parseJson(marked)), raw, outOfRange };
}

function parseJson(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}

/** Of a valid JSON text. By hand, since a pattern over its strings would overflow on a long one. */
function replaceNumbers(text: string, replace: (number: string) => string): string {
  let replaced = '';
  let copied = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(text)![0];
      const replacement = replace(number);
      if (replacement !== number) {
        replaced += text.slice(copied, at) + replacement;
        copied = at + number.length;
      }
      at += number.length - 1;
    }
  }
  return copied === 0 ? text : replaced + text.slice(copied);
}

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** One text for one value, however it was written: `100`, `1e2` and `100.0` are the same number. */
export function canonicalNumber(text: string): string {
  const { sign, digits, power } = readNumber(text);
  return digits === '' ? '0' : `${sign}${digits}e${power}`;
}

/** sign digits × 10^power, without zeros at either end of the digits. */
function readNumber(text: string): { sign: string; digits: string; power: number } {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  // Not `/0+$/`, which is quadratic in a long run of zeros.
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
  // Fifteen digits always survive, and no double is written with more than seventeen.
  if (token.length <= 15 && !/e/i.test(token)) return true;
  if (!isStorable(token) || readNumber(token).digits.length > 17) return false;
  return canonicalNumber(String(Number(token))) === canonicalNumber(token);
}

/** Depth is bounded before this is reached. */
function withExactNumbers(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.startsWith(MARK) ? new ExactNumber(value.slice(1)) : value;
  if (Array.isArray(value)) return value.map(withExactNumbers);
  if (!isJsonObject(value)) return value;
  for (const key of Object.keys(value)) {
    const member = value[key]!;
    const exact = withExactNumbers(member);
    // Also of `__proto__`, which JSON.parse made a member of its own.
    if (exact !== member) value[key] = exact;
  }
  return value;
}
