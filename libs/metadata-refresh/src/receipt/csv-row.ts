/** What a spreadsheet takes for a formula (OWASP, CSV injection): it would run what a stranger's server wrote into a document. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;

/** The same inside a text: where semicolons or tabs separate cells, as in much of Europe, a cell begins there, and a row at a line end. */
const INNER_FORMULA = /([;\t\r\n]\s*)(?=[=+\-@＝＋－＠])/g;

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
  const text = (FORMULA.test(value) ? `'${value}` : value).replaceAll(INNER_FORMULA, `$1'`);
  return /[",;\t\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
