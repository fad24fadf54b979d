import { readFileSync } from 'node:fs';
import { METADATA_WARNINGS } from './metadata-warnings.js';
import { fieldsOfWarning } from './warning-fields.js';

const page = readFileSync(new URL('../../../../docs/reference/metadata-documents.md', import.meta.url), 'utf8');

it.each([
  ['name', 'name_cut'],
  ['description', 'description_cut'],
  ['imageUrl', 'relative_image'],
  ['animationUrl', 'unsafe_animation_url'],
  ['externalUrl', 'private_external_url'],
  ['youtubeUrl', 'nested_youtube_url'],
  ['backgroundColor', 'invalid_background_color'],
])(
  'docs/reference/metadata-documents.md lists the fields in which %s is searched, in order, and a warning about it names them',
  (column, code) => {
    const [, from] = new RegExp(`^\\| \`${column}\`[^|]*\\|([^|]*)\\|`, 'm').exec(page)!;

    expect(fieldsOfWarning(code)).toEqual([...from!.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  },
);

it.each(['invalid_date', 'unnamed_attribute', 'invalid_attributes'])(
  'the warning %s is about the attributes',
  (code) => {
    expect(fieldsOfWarning(code)).toEqual(['attributes', 'traits']);
  },
);

it('every warning about a field of a token names it', () => {
  const without = Object.keys(METADATA_WARNINGS).filter((code) => fieldsOfWarning(code).length === 0);

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

it('a warning of a fetcher of the application names no field', () => {
  expect(fieldsOfWarning('constructor')).toEqual([]);
});
