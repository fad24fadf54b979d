import { readFileSync } from 'node:fs';
import { METADATA_WARNINGS } from '@app/metadata-fetch';
import { LINT_MESSAGES, toLint } from './reveal-lint.js';

const codes = Object.keys(LINT_MESSAGES);

it('findings come in a fixed order, and warnings about documents last, the most frequent first', () => {
  const found = ['relative_image', 'mixed_values', 'name_cut', 'not_staged'].map((code, index) => {
    return { code, count: index + 1, examples: [] };
  });

  expect(toLint(found)).toMatchObject([
    { code: 'not_staged', message: LINT_MESSAGES['not_staged'] },
    { code: 'mixed_values', message: LINT_MESSAGES['mixed_values'] },
    { code: 'name_cut', message: METADATA_WARNINGS.name_cut },
    { code: 'relative_image', message: METADATA_WARNINGS.relative_image },
  ]);
});

it('each message is a sentence of its own, and no code is that of a warning about documents', () => {
  const messages = Object.values(LINT_MESSAGES);

  expect(messages.filter((message) => !/^[A-Z].*[^.]\.$/.test(message))).toEqual([]);
  expect(new Set(messages).size).toBe(messages.length);
  expect(codes.filter((code) => Object.hasOwn(METADATA_WARNINGS, code))).toEqual([]);
});

it('a message speaks of several tokens, traits or documents only if a finding of one alone cannot be', () => {
  const severalOf = Object.entries(LINT_MESSAGES).filter(([, message]) => /\b(these|they|them|those)\b/i.test(message));

  // What is equal or looks the same is so to something else.
  expect(severalOf.map(([code]) => code)).toEqual([
    'duplicate_document',
    'duplicate_image',
    'duplicate_name',
    'trait_types_alike',
    'trait_values_alike',
  ]);
});

it('the table of findings in the documentation has each code, in this order, and no other', () => {
  const page = new URL('../../../../docs/reference/reveal-api.md', import.meta.url);
  const section = readFileSync(page, 'utf8')
    .split(/^## Findings$/m)[1]!
    .split(/^## /m, 1)[0]!;

  expect([...section.matchAll(/^\| `([a-z_]+)`/gm)].map(([, code]) => code)).toEqual(codes);
});
