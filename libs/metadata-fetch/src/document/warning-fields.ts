import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  TITLE_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';

const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['name', [...NAME_FIELDS, ...TITLE_FIELDS]],
  ['description', DESCRIPTION_FIELDS],
  ['image', IMAGE_FIELDS],
  ['animation_url', ANIMATION_FIELDS],
  ['external_url', EXTERNAL_FIELDS],
  ['youtube_url', YOUTUBE_FIELDS],
  ['background_color', ['background_color']],
  ['attributes', ['attributes', 'traits']],
]);

/** The fields of a token's document that a warning may be about. None for one about the whole document, and for an unknown code. */
export function fieldsOfWarning(code: string): readonly string[] {
  return FIELDS.get(subjectOf(code)) ?? [];
}

/** Of `relative_image` and `name_cut`, for example; those about one attribute are about the attributes. */
function subjectOf(code: string): string {
  if (/attribute|^invalid_date$/.test(code)) return 'attributes';
  return code.replace(/^(nested|unsafe|private|relative|invalid)_/, '').replace(/_cut$/, '');
}
