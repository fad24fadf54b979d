/** The cells of a CSV file (RFC 4180), without a byte order mark. */
export function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text
    .replace(/^\uFEFF/, '')
    .matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** The cells of a CSV file as a spreadsheet reads it whose cells are separated by this character: a quote counts only where a cell begins. */
export function cellsOf(text: string, separator: string): string[] {
  const cells: string[] = [];
  const cell = new RegExp(
    `(?:"((?:[^"]|"")*)"([^${separator}\\r\\n]*)|([^${separator}\\r\\n]*))(${separator}|\\r\\n|\\r|\\n|$)`,
    'g',
  );
  for (const [whole, quoted, rest, plain] of text.replace(/^\uFEFF/, '').matchAll(cell)) {
    if (whole === '') break;
    cells.push(plain ?? quoted!.replaceAll('""', '"') + rest!);
  }
  return cells;
}
