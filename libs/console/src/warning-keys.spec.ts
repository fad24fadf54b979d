import { readFileSync } from 'node:fs';
import { METADATA_WARNINGS } from '@app/metadata-fetch';
import { keysOf, linesOfWarning } from '../web/text/warning-lines.js';

const page = readFileSync(new URL('../../../docs/reference/metadata-documents.md', import.meta.url), 'utf8');

it.each([
  ['name', 'name'],
  ['description', 'description'],
  ['imageUrl', 'image'],
  ['animationUrl', 'animation_url'],
  ['externalUrl', 'external_url'],
  ['youtubeUrl', 'youtube_url'],
  ['backgroundColor', 'background_color'],
])('the pages look for %s in the fields that docs/reference/metadata-documents.md lists', (column, field) => {
  const [, from] = new RegExp(`^\\| \`${column}\`[^|]*\\|([^|]*)\\|`, 'm').exec(page)!;

  expect(keysOf(field)).toEqual([...from!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
});

it('every warning about a field of a token leads to a line', () => {
  const fields = ['name', 'description', 'image', 'animation_url', 'external_url', 'youtube_url', 'background_color'];
  const document = `{\n${[...fields, 'attributes'].map((field) => `"${field}": 1`).join(',\n')}\n}`;
  const without = Object.keys(METADATA_WARNINGS).filter((code) => linesOfWarning(code, document).length === 0);

  expect(without.filter((code) => !/banner_image|featured_image|collaborator/.test(code)).toSorted()).toEqual([
    'encoded_twice',
    'invalid_utf8',
    'media_instead_of_document',
    'number_out_of_range',
    'replaced_characters',
    'unexpected_media_type',
    'unknown_charset',
  ]);
});
