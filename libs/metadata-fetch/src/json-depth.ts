import { endOfString } from './json-string.js';

/** Deeper than any real document, and shallow enough for everything recursive that follows, `jsonb` included. */
export const DEEPEST_DOCUMENT = 64;

/** Whether objects and lists are nested too deeply. One pass over the text, before anything parses it. */
export function isTooDeep(text: string): boolean {
  return hasManyBrackets(text) && deepest(text) > DEEPEST_DOCUMENT;
}

/** As many opening brackets as the depth allows cannot be nested more deeply than that: true of ordinary documents. */
function hasManyBrackets(text: string): boolean {
  let count = 0;
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > DEEPEST_DOCUMENT) return true;
    }
  }
  return false;
}

function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > most) most = depth;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
    }
  }
  return most;
}

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
