import { toCsvRow } from './csv-row.js';

it.each<[string, Parameters<typeof toCsvRow>[0], string]>([
  ['plain values stay as they are', ['1', 'updated', 3, true, null], '1,updated,3,true,\r\n'],
  [
    'a comma, a quote and line ends are quoted',
    ['a,b', 'say "hi"', 'two\r\nlines'],
    '"a,b","say ""hi""","two\r\nlines"\r\n',
  ],
  ['a formula is text', ['=1+1', '+1', '-1', '@SUM(A1)'], `"'=1+1","'+1","'-1","'@SUM(A1)"\r\n`],
  ['a formula behind a tab or a line end is text', ['\t=1', '\r=1', '\n=1'], `"'\t'=1","'\r'=1","'\n'=1"\r\n`],
  ['a formula behind spaces is text', [' =1'], `"' =1"\r\n`],
  [
    'a formula that begins a cell where semicolons separate them, or a row, is text',
    ['a;=1', 'a; +1', 'a\n@SUM(A1)', 'a;b'],
    `"a;'=1","a; '+1","a\n'@SUM(A1)","a;b"\r\n`,
  ],
  [
    'a formula that would leave its quotes is text',
    ['=HYPERLINK("http://x","y")'],
    `"'=HYPERLINK(""http://x"",""y"")"\r\n`,
  ],
  ['a formula with full-width signs is text', ['＝1'], `"'＝1"\r\n`],
  ['a sign inside a text is no formula', ['a=b', 'https://api.example/1?a=-1'], 'a=b,https://api.example/1?a=-1\r\n'],
  ['a negative number is a number', [-1], '-1\r\n'],
])('in a CSV row, %s', (_, cells, expected) => {
  expect(toCsvRow(cells)).toBe(expected);
});
