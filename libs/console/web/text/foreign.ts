/** A part of a text by a stranger: as it is, or a character that would act on the line instead of being seen. */
export type Segment = { text: string } | { mark: string };

/** Controls but line feed and tab; what is drawn as nothing, but for the two selectors that symbols use; lone surrogates. */
const INVISIBLE = /(?!\n|\t|\u{FE0E}|\u{FE0F})[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Cs}\p{Zl}\p{Zp}\uFFF9-\uFFFB]/u;

/** ZERO WIDTH JOINER between two symbols is part of an emoji, such as a family. */
const JOINED_EMOJI =
  /\p{Extended_Pictographic}\uFE0F?[\u{1F3FB}-\u{1F3FF}]?(?:\u200D\p{Extended_Pictographic}\uFE0F?[\u{1F3FB}-\u{1F3FF}]?)+/u;

const SPLIT = new RegExp(`(${JOINED_EMOJI.source})|(${INVISIBLE.source})`, 'gu');

/** Splits a text so that nothing in it stays invisible or turns the line around. */
export function segmentsOf(text: string): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  for (const match of text.matchAll(SPLIT)) {
    if (match[1] !== undefined) continue;
    if (match.index > from) segments.push({ text: text.slice(from, match.index) });
    segments.push({ mark: nameOf(match[0]) });
    from = match.index + match[0].length;
  }
  if (from < text.length) segments.push({ text: text.slice(from) });
  return segments;
}

function nameOf(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
}

const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Code units of a character as a person sees it, such as a family. A letter with more marks than this may be cut. */
const MAX_CHARACTER_UNITS = 32;

/** The beginning of a text, cut between characters and not inside one. */
export function beginningOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const { index } = CHARACTERS.segment(text).containing(length)!;
  if (length - index <= MAX_CHARACTER_UNITS) return text.slice(0, index);
  const end = /[\uD800-\uDBFF]/.test(text[length - 1]!) ? length - 1 : length;
  return text.slice(0, end);
}

/** For sentences and titles: cut with an ellipsis. */
export function shortText(text: string, length = 60): string {
  const shown = beginningOf(text, length);
  return shown.length < text.length ? `${shown}…` : shown;
}

/** As a person sees it: an emoji may consist of several. */
export function firstCharacter(text: string): string {
  const [first] = CHARACTERS.segment(text);
  return first ? beginningOf(first.segment, MAX_CHARACTER_UNITS) : '';
}

/** A URL that may be a link, or null: then it is text. Its host is in ASCII, so that it cannot look like another's. */
export function linkOf(text: string): { href: string; host: string } | null {
  if (!URL.canParse(text)) return null;
  const { href, host, protocol, username, password } = new URL(text);
  const isLink = /^https?:$/.test(protocol) && username === '' && password === '';
  return isLink ? { href, host } : null;
}
