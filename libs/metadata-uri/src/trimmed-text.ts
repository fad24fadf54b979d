/**
 * Removes invisible characters from both ends: white space of any script, control characters (contracts pad strings with
 * NULs), byte order marks and zero-width spaces.
 */
export function trimText(text: string): string {
  if (isPlain(text.charCodeAt(0)) && isPlain(text.charCodeAt(text.length - 1))) return text;
  return trimWhere(text, isInvisible);
}

/** Visible ASCII. */
function isPlain(code: number): boolean {
  return code > SPACE && code < DELETE;
}

/** Trims both ends by a predicate on UTF-16 units. A pattern such as `\s+$` is quadratic in a long run of white space. */
export function trimWhere(text: string, isDropped: (code: number) => boolean): string {
  let start = 0;
  let end = text.length;
  while (start < end && isDropped(text.charCodeAt(start))) start += 1;
  while (end > start && isDropped(text.charCodeAt(end - 1))) end -= 1;
  return end - start === text.length ? text : text.slice(start, end);
}

/** Not joiners and direction marks, which may change how the last character looks. */
function isInvisible(code: number): boolean {
  if (code <= SPACE) return true;
  if (code < DELETE) return false;
  return code <= NO_BREAK_SPACE || (code >= FIRST_WIDE_SPACE && WIDE_SPACES.has(code));
}

const SPACE = 0x20;
/** The first of the control characters that end before the no-break space. */
const DELETE = 0x7f;
const NO_BREAK_SPACE = 0xa0;
const FIRST_WIDE_SPACE = 0x1680;
/** The Unicode spaces, the line and paragraph separators, the zero-width space, the word joiner and U+FEFF. */
const WIDE_SPACES = new Set([
  FIRST_WIDE_SPACE,
  ...Array.from({ length: 12 }, (_, index) => 0x2000 + index),
  0x2028,
  0x2029,
  0x202f,
  0x205f,
  0x2060,
  0x3000,
  0xfeff,
]);
