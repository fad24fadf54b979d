/** What a spreadsheet takes for a formula (OWASP, CSV injection): it would run what a stranger's server wrote into a document. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

/**
 * A record of RFC 4180, with its line end. Text that a spreadsheet would take for a formula gets an apostrophe before it, which
 * spreadsheets do not show.
 */
export function toCsvRow(cells: readonly (string | number | boolean | null)[]): string {
  return `${cells.map(toCell).join(',')}\r\n`;
}

function toCell(value: string | number | boolean | null): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
