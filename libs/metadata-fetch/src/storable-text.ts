const NUL_OR_SURROGATE_ESCAPE = /\\u(?:0000|d[89a-f])/i;
// Every escape is consumed whole, so that `\\u0000` (a backslash, then text) is not taken for one.
const ESCAPES = /\\(?:u(?:0000|d[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|d[89a-f][\da-f]{2})|[^])/gi;

/**
 * Make JSON text storable as `jsonb`, which has no U+0000 and no half characters: each becomes U+FFFD, in keys and
 * values, raw or escaped. Everything else stays as it was served.
 */
export function toStorableText(text: string): string {
  const withoutNul = text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
  const wellFormed = withoutNul.toWellFormed();
  if (!wellFormed.includes('\\u') || !NUL_OR_SURROGATE_ESCAPE.test(wellFormed)) return wellFormed;
  return wellFormed.replace(ESCAPES, (escape) => {
    if (escape.length === 12 || escape.length === 2) return escape;
    return String.raw`\ufffd`;
  });
}
