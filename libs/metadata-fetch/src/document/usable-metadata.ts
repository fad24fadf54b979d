import { hasVisibleCharacter } from './document-text.js';
import type { FetchedAttribute, FetchedMetadata } from './fetched-metadata.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';
import { trimText } from '@app/metadata-uri';

/** Fields that identify the metadata of a token. `title` and `label` are not among them: error responses have them too. */
const KNOWN_FIELDS = new Set([
  ...NAME_FIELDS,
  ...DESCRIPTION_FIELDS,
  ...IMAGE_FIELDS,
  ...ANIMATION_FIELDS,
  'attributes',
  'traits',
  'properties',
  ...EXTERNAL_FIELDS,
  ...YOUTUBE_FIELDS,
  'background_color',
  'decimals',
  'localization',
]);

/** Fields of error responses, which may also have a `name` or a `description`. */
const ERROR_FIELDS = ['error', 'errors', 'stack'];
const STATUS_FIELDS = [
  'status',
  'statusCode',
  'status_code',
  'code',
  'errorCode',
  'error_code',
  'httpStatus',
  'http_status',
];
const SUCCESS_FIELDS = ['success', 'ok'];

/** What templates print for a missing value. */
const PLACEHOLDERS = new Set(['null', 'undefined', 'true', 'false']);

/** Empty values of a trait: what templates print, and an empty list and an empty object as text. */
const EMPTY_VALUES = new Set(['null', 'undefined', '[]', '{}']);

type Shown = Pick<FetchedMetadata, 'name' | 'description' | 'imageUrl' | 'animationUrl' | 'attributes'>;

/**
 * Whether there is something to show: a name, a description, an image, an animation or a trait; in an error message with
 * status 200, more than a name and a description. Other documents must not replace a good record.
 */
export function isUsable(document: JsonObject, shown: Shown): boolean {
  if (shown.imageUrl !== null || shown.animationUrl !== null || shown.attributes.some(hasValue)) return true;
  return (isText(shown.name) || isText(shown.description)) && !isErrorMessage(document);
}

function hasValue({ value }: FetchedAttribute): boolean {
  return typeof value !== 'string' || (!EMPTY_VALUES.has(value) && hasVisibleCharacter(value));
}

function isText(text: string | null): boolean {
  return text !== null && !PLACEHOLDERS.has(text);
}

/** Whether an object has the form of metadata, instead of a wrapper. */
export function hasKnownFields(document: JsonObject): boolean {
  return Object.keys(document).some((field) => KNOWN_FIELDS.has(field) && document[field] !== null);
}

function isErrorMessage(document: JsonObject): boolean {
  return (
    ERROR_FIELDS.some((field) => Object.hasOwn(document, field) && !isEmpty(document[field]!)) ||
    STATUS_FIELDS.some((field) => isErrorStatus(document[field])) ||
    SUCCESS_FIELDS.some((field) => document[field] === false)
  );
}

function isErrorStatus(value: unknown): boolean {
  if (typeof value === 'string') return /^(?:[45]\d\d|error|fail|failed|failure)$/i.test(trimText(value));
  return typeof value === 'number' && value >= 400 && value < 600;
}

/** What APIs write where there is no error. */
function isEmpty(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  if (typeof value === 'string') return ['', 'null', 'undefined', 'false', '0'].includes(trimText(value));
  return value === null || value === false || value === 0;
}
