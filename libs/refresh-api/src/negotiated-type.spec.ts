import { negotiateType } from './negotiated-type.js';

const OFFERED = ['application/json', 'text/csv', 'application/x-ndjson'] as const;

it.each([
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['text/csv', 'text/csv'],
  ['TEXT/CSV; charset=utf-8', 'text/csv'],
  ['text/*', 'text/csv'],
  ['application/*', 'application/json'],
  ['application/x-ndjson, application/json;q=0.9', 'application/x-ndjson'],
  ['application/json;q=0.5, text/csv;q=0.6', 'text/csv'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'application/json'],
  ['application/json;q=0, */*', 'text/csv'],
  ['text/html, text/csv;q=0.1', 'text/csv'],
  ['text/html', null],
  ['text/csv;q=0', null],
  ['text/csv;q=much', null],
  ['text', null],
])('with "Accept: %s", the response is %s', (accept, type) => {
  expect(negotiateType(accept, OFFERED)).toBe(type);
});
