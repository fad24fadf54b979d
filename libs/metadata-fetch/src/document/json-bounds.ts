import { endOfString } from './json-string.js';

/** Deeper than any real document, and shallow enough for everything recursive that follows, `jsonb` included. */
const MAX_DEPTH = 64;

/** A thousand traits take four thousand values. Above this, reading one document would hold up all others. */
const MAX_VALUES = 50_000;

/**
 * Whether the text is nested too deeply or made of too many parts. One pass, before anything parses it, and only where
 * it is needed: a text with few brackets cannot be deep, a short one cannot have many values.
 */
export function isOutOfBounds(text: string): boolean {
  if (text.length <= MAX_VALUES && !hasManyBrackets(text)) return false;
  return scan(text);
}

function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > MAX_DEPTH) return true;
    }
  }
  return false;
}

function scan(text: string): boolean {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
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
