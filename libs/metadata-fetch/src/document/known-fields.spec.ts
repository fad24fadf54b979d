import { readFileSync } from 'node:fs';
import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  TITLE_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';

const page = readFileSync(new URL('../../../../docs/reference/metadata-documents.md', import.meta.url), 'utf8');

it.each([
  ['name', [...NAME_FIELDS, ...TITLE_FIELDS]],
  ['description', DESCRIPTION_FIELDS],
  ['imageUrl', IMAGE_FIELDS],
  ['animationUrl', ANIMATION_FIELDS],
  ['externalUrl', EXTERNAL_FIELDS],
  ['youtubeUrl', YOUTUBE_FIELDS],
])('docs/reference/metadata-documents.md lists the fields in which %s is searched, in order', (field, fields) => {
  const [, from] = new RegExp(`^\\| \`${field}\`[^|]*\\|([^|]*)\\|`, 'm').exec(page)!;

  expect([...from!.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(fields);
});
