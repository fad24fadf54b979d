/**
 * Without slashes at its end. A loop, because `/\/+$/` takes quadratic time for slashes in the middle, and strangers
 * write these texts.
 */
export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/** The text, one slash, and the segment. */
export function appendSegment(text: string, segment: string): string {
  return `${withoutTrailingSlashes(text)}/${segment}`;
}
