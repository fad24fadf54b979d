import { hexDigit } from './hex-digit.js';

const MAY_NEED_REPAIR = /\\u(?:0000|d[89a-f])/i;
const REPLACEMENT = '\ufffd';

/**
 * Makes JSON text storable as `jsonb`, which accepts neither U+0000 nor lone surrogates: each becomes U+FFFD, in keys and
 * values, raw or escaped. The rest is unchanged. `nul`: the replacement for U+0000, one character.
 */
export function sanitizeForPostgres(text: string, nul = REPLACEMENT): string {
  const wellFormed = (
    text.includes('\0') ? text.replace(/\0+/g, (run) => nul.repeat(run.length)) : text
  ).toWellFormed();
  return wellFormed.includes('\\u') && MAY_NEED_REPAIR.test(wellFormed) ? repairEscapes(wellFormed, nul) : wellFormed;
}

/** Skips each escape as a whole, so that `\\u0000` (a backslash, then text) is not mistaken for a NUL. */
function repairEscapes(text: string, nul: string): string {
  const bytes = Buffer.from(text, 'utf8');
  let hasRepaired = false;
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] !== BACKSLASH) continue;
    const unit = unitAt(bytes, index);
    if (isHighSurrogate(unit) && isLowSurrogate(unitAt(bytes, index + 6))) {
      index += 11;
    } else if (unit === 0 || isHighSurrogate(unit) || isLowSurrogate(unit)) {
      // In place: the replacement has as many digits.
      bytes.write(hexOf(unit === 0 ? nul : REPLACEMENT), index + 2, 'latin1');
      hasRepaired = true;
      index += 5;
    } else {
      index += 1;
    }
  }
  return hasRepaired ? bytes.toString('utf8') : text;
}

/** The digits of a `\u` escape. */
function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** The UTF-16 unit that is escaped at this offset; null if there is no valid `\u` escape. */
function unitAt(bytes: Uint8Array, offset: number): number | null {
  if (bytes[offset] !== BACKSLASH || bytes[offset + 1] !== LOWER_U) return null;
  let unit = 0;
  for (let index = offset + 2; index < offset + 6; index += 1) {
    const digit = hexDigit(bytes[index]);
    if (digit === -1) return null;
    unit = unit * 16 + digit;
  }
  return unit;
}

function isHighSurrogate(unit: number | null): boolean {
  return unit !== null && unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number | null): boolean {
  return unit !== null && unit >= 0xdc00 && unit <= 0xdfff;
}
