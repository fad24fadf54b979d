const MAX_SHOWN_CHARACTERS = 65_536;

/** The beginning of a document, as a page shows it. Never half a character. */
export function shownDocument(document: string): string {
  const shown = document.slice(0, MAX_SHOWN_CHARACTERS);
  return /[\uD800-\uDBFF]$/.test(shown) ? shown.slice(0, -1) : shown;
}
