import { endOfString } from './json-string.js';

/** Deeper than any real document, and safe for all recursion that follows, including `jsonb`. */
const MAX_DEPTH = 64;

/** A thousand traits take four thousand values. More would block the event loop for too long. */
const MAX_VALUES = 50_000;

/**
 * Whether a JSON text is nested too deeply or has too many values. One pass before parsing, skipped where it cannot be true:
 * a text with few brackets is not deep, and a short one does not have many values.
 */
export function isOutOfBounds(text: string): boolean {
  if (text.length <= MAX_VALUES && !hasManyBrackets(text)) return false;
  return scan(text);
}

function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of '{[') {
    for (let index = text.indexOf(bracket); index !== -1; index = text.indexOf(bracket, index + 1)) {
      count += 1;
      if (count > MAX_DEPTH) return true;
    }
  }
  return false;
}

function scan(text: string): boolean {
  let depth = 0;
  let values = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = endOfString(text, index);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      values += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
    } else if (code === COMMA) {
      values += 1;
    }
    if (depth > MAX_DEPTH || values > MAX_VALUES) return true;
  }
  return false;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
