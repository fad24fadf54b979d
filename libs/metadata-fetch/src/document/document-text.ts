import { ExactNumber, type JsonValue } from './json-value.js';
import { trimText } from './trimmed-text.js';

/** Puts the token id in place of `{id}` in a value of the document; leaves other text as it is. */
export type ExpandId = (text: string) => string;

/** Beyond this a value is a picture, not a template. */
export const MAX_TEMPLATE_LENGTH = 64 * 1024;

/** A value that is shown as text: trimmed; a number or a boolean is its text. null: nothing that could be shown. */
export function readText(value: JsonValue | undefined, expandId: ExpandId): string | null {
  if (typeof value === 'string') return trimText(expandId(value)) || null;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value instanceof ExactNumber ? value.text : null;
}

/** The same for addresses and the like, where only text makes sense. */
export function readString(value: JsonValue | undefined, expandId: ExpandId): string | null {
  return typeof value === 'string' ? readText(value, expandId) : null;
}

/** At most `limit` UTF-16 units, never through a character as readers see it (an emoji family is one), and trimmed. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let end = 0;
  // A boundary depends on what follows, so a little more than the limit is looked at.
  for (const { index } of graphemes.segment(text.slice(0, limit + 32))) {
    if (index > limit) break;
    end = index;
  }
  // A single character longer than the limit (piled-up accents): between code points, then.
  return trimText(end > 0 ? text.slice(0, end) : text.slice(0, limit).replace(/[\ud800-\udbff]$/, ''));
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
