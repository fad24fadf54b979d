import { hexDigit } from './hex-digit.js';

const MAY_NEED_REPAIR = /\\u(?:0000|d[89a-f])/i;
const REPLACEMENT = '\ufffd';

/**
 * Make JSON text storable as `jsonb`, which has no U+0000 and no half characters: each becomes U+FFFD, in keys and
 * values, raw or escaped. Everything else stays as it was served. `nul`: one character in place of U+0000 instead.
 */
export function sanitizeForPostgres(text: string, nul = REPLACEMENT): string {
  const wellFormed = (text.includes('\0') ? text.replaceAll('\0', nul) : text).toWellFormed();
  return wellFormed.includes('\\u') && MAY_NEED_REPAIR.test(wellFormed) ? repairEscapes(wellFormed, nul) : wellFormed;
}

/** From escape to escape, each taken whole, so that `\\u0000` (a backslash, then text) is not taken for one. */
function repairEscapes(text: string, nul: string): string {
  const bytes = Buffer.from(text, 'utf8');
  let hasRepaired = false;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== BACKSLASH) continue;
    const unit = unitAt(bytes, at);
    if (isHighHalf(unit) && isLowHalf(unitAt(bytes, at + 6))) {
      at += 11;
    } else if (unit === 0 || isHighHalf(unit) || isLowHalf(unit)) {
      // As long as the digits that it replaces, so this is done in place.
      bytes.write(hexOf(unit === 0 ? nul : REPLACEMENT), at + 2, 'latin1');
      hasRepaired = true;
      at += 5;
    } else {
      at += 1;
    }
  }
  return hasRepaired ? bytes.toString('utf8') : text;
}

/** The digits behind the `\u` of an escaped character. */
function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16).padStart(4, '0');
}

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** The UTF-16 unit that is escaped here; null if none is, or if the escape is no JSON and will be refused as such. */
function unitAt(bytes: Uint8Array, at: number): number | null {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== LOWER_U) return null;
  let unit = 0;
  for (let place = at + 2; place < at + 6; place += 1) {
    const digit = hexDigit(bytes[place]);
    if (digit === -1) return null;
    unit = unit * 16 + digit;
  }
  return unit;
}

function isHighHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xd800 && unit <= 0xdbff;
}

function isLowHalf(unit: number | null): boolean {
  return unit !== null && unit >= 0xdc00 && unit <= 0xdfff;
}
