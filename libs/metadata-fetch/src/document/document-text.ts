import { ExactNumber, type JsonValue } from './json-value.js';
import { trimText } from '@app/metadata-uri';

/** Replaces `{id}` by the token id in a value of the document. */
export type ExpandId = (text: string) => string;

/** Longer values are images, not templates. In characters. */
export const MAX_TEMPLATE_LENGTH = 64 * 1024;

/** A value as trimmed text; numbers and booleans are converted. null: nothing to show. */
export function readText(value: JsonValue | undefined, expandId: ExpandId): string | null {
  if (typeof value === 'string') return visible(trimText(expandId(value)));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value instanceof ExactNumber ? value.text : null;
}

/** null: the text has only characters that cannot be seen, such as joiners, soft hyphens and blank letters. */
function visible(text: string): string | null {
  return hasVisibleCharacter(text) ? text : null;
}

export function hasVisibleCharacter(text: string): boolean {
  return VISIBLE.test(text);
}

/** The braille pattern without dots looks like a space, but Unicode does not list it as one. */
const VISIBLE = /[^\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Like readText, for URLs and other values that are never numbers. */
export function readString(value: JsonValue | undefined, expandId: ExpandId): string | null {
  return typeof value === 'string' ? readText(value, expandId) : null;
}

/** At most `limit` UTF-16 units, trimmed. Never splits a grapheme: an emoji family is one. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let end = 0;
  // A grapheme boundary depends on the text after it, so segment a little more than the limit.
  for (const { index } of graphemes.segment(text.slice(0, limit + 32))) {
    if (index > limit) break;
    end = index;
  }
  // A grapheme longer than the limit (piled-up accents) is split between code points.
  return trimText(end > 0 ? text.slice(0, end) : text.slice(0, limit).replace(/[\ud800-\udbff]$/, ''));
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
