import type { MediaUrl } from '../uri/media-url.js';

/** Fields with a text, and fields with a URL, as warnings name them. */
export type TextField = 'name' | 'description';
export type UrlField = 'image' | 'animation_url' | 'external_url' | 'youtube_url' | 'banner_image' | 'featured_image';
type UrlProblem = Exclude<MediaUrl['kind'], 'usable'>;

const OF_DOCUMENT = {
  unexpected_media_type:
    'The response is declared as something other than JSON: send it with "Content-Type: application/json".',
  unknown_charset:
    'The Content-Type names an unknown charset, and the document was read as UTF-8: some characters may be wrong.',
  invalid_utf8: 'The document is not valid UTF-8, and some characters were lost: encode it as UTF-8.',
  replaced_characters:
    'The document has characters that cannot be stored (U+0000, or halves of a surrogate pair), and each was replaced by U+FFFD.',
  number_out_of_range:
    'The document has a number that is too large or too long to be stored as a number, so it became a text.',
  media_instead_of_document:
    'The token URI leads to an image or a video, which became the media of the token: serve a JSON document to add a name and attributes.',
  encoded_twice: 'The document was encoded as JSON twice, and arrived as a JSON string: encode it once.',
  name_cut: 'The name is longer than 255 characters, and was truncated.',
  description_cut: 'The description is longer than 10,000 characters, and was truncated.',
  invalid_background_color: 'The background_color is not a colour of three or six hex digits, and was dropped.',
  invalid_attributes: 'The attributes (or traits) are neither a list nor an object, and were ignored.',
  skipped_attribute: 'An attribute without a value was skipped.',
  unnamed_attribute: 'An attribute has no name: add a trait_type to each attribute.',
  invalid_date:
    'An attribute has the display_type "date", but its value is not a date: use UNIX time in seconds, or ISO 8601.',
  attribute_name_cut: 'The name of an attribute is longer than 1,000 characters, and was truncated.',
  attribute_value_cut: 'The value of an attribute is longer than 4,000 characters, and was truncated.',
  skipped_collaborator:
    'An entry of collaborators was skipped, because it is no address, or because there are more than 100: list addresses of 0x and 40 hex digits.',
  too_many_attributes: 'The token has more than 1,000 attributes, and the others were left out.',
};

export type MetadataWarning = keyof typeof OF_DOCUMENT | `nested_${TextField | UrlField}` | `${UrlProblem}_${UrlField}`;

/** Every code of a warning, with one sentence for the owner of the Metadata API. */
export const METADATA_WARNINGS: Readonly<Record<MetadataWarning, string>> = {
  ...OF_DOCUMENT,
  ...ofText('name'),
  ...ofText('description'),
  ...ofUrl('image', 'an https:, ipfs: or ar: URL, or an image in a data: URI'),
  ...ofUrl('banner_image', 'an https:, ipfs: or ar: URL, or an image in a data: URI'),
  ...ofUrl('featured_image', 'an https:, ipfs: or ar: URL, or an image in a data: URI'),
  ...ofUrl('animation_url', 'an https:, ipfs: or ar: URL, or media in a data: URI'),
  ...ofUrl('external_url', 'an https: URL'),
  ...ofUrl('youtube_url', 'an https: URL'),
};

/** One sentence on a warning of a record, also on one that a fetcher of the host application has given. */
export function describeWarning(code: string): string {
  return Object.hasOwn(METADATA_WARNINGS, code)
    ? METADATA_WARNINGS[code as MetadataWarning]
    : `The metadata fetcher of this service reports ${JSON.stringify(code)}.`;
}

function ofText<Field extends TextField>(field: Field) {
  return {
    [`nested_${field}`]: `The ${field} is a list or an object, of which the first text was used: write it as a text.`,
  } as Record<`nested_${Field}`, string>;
}

function ofUrl<Field extends UrlField>(field: Field, expected: string) {
  const dropped = `The URL in ${field} was dropped`;
  return {
    [`nested_${field}`]: `The ${field} is a list or an object, of which the first URL was used: write it as a text.`,
    [`unsafe_${field}`]: `${dropped}, because its scheme or its content is not allowed: use ${expected}.`,
    [`private_${field}`]: `${dropped}, because it leads to a private host, which nobody else can reach: use a public one.`,
    [`relative_${field}`]: `${dropped}, because it is a path or a file name: write the whole URL.`,
    [`invalid_${field}`]: `${dropped}, because it cannot be read: use ${expected}.`,
  } as Record<`nested_${Field}` | `${UrlProblem}_${Field}`, string>;
}
