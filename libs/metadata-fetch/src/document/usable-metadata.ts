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

const TEXT_FIELDS = new Set([...NAME_FIELDS, ...DESCRIPTION_FIELDS]);

/** Fields of error responses, which may also have a `name` or a `description`. */
const ERROR_FIELDS = ['error', 'errors', 'stack'];
const STATUS_FIELDS = ['status', 'statusCode', 'code'];
const SUCCESS_FIELDS = ['success', 'ok'];

/** What templates print for a missing value. */
const PLACEHOLDERS = new Set(['null', 'undefined', 'true', 'false']);

/** Empty values of a trait. The last two are an empty list and an empty object as text. */
const EMPTY_VALUES = new Set<FetchedAttribute['value']>(['', '[]', '{}']);

type Shown = Pick<FetchedMetadata, 'name' | 'description' | 'imageUrl' | 'animationUrl' | 'attributes'>;

/**
 * Whether there is something to show: a name, a description, an image, an animation or a trait. Other documents must not
 * replace a good record.
 */
export function isUsable({ name, description, imageUrl, animationUrl, attributes }: Shown): boolean {
  return (
    isText(name) ||
    isText(description) ||
    imageUrl !== null ||
    animationUrl !== null ||
    attributes.some(({ value }) => !EMPTY_VALUES.has(value))
  );
}

function isText(text: string | null): boolean {
  return text !== null && !PLACEHOLDERS.has(text);
}

/** Whether an object has the form of metadata, and is neither an error message with status 200 nor a wrapper. */
export function hasKnownFields(document: JsonObject): boolean {
  const known = Object.keys(document).filter((field) => KNOWN_FIELDS.has(field) && document[field] !== null);
  if (known.length === 0) return false;
  return known.some((field) => !TEXT_FIELDS.has(field) && !isEmpty(document[field]!)) || !isErrorMessage(document);
}

function isErrorMessage(document: JsonObject): boolean {
  return (
    ERROR_FIELDS.some((field) => isGiven(document, field)) ||
    STATUS_FIELDS.some((field) => isErrorStatus(document[field])) ||
    SUCCESS_FIELDS.some((field) => document[field] === false)
  );
}

function isErrorStatus(value: unknown): boolean {
  if (typeof value === 'string') return /^(?:[45]\d\d|error|fail|failed|failure)$/i.test(value);
  return typeof value === 'number' && value >= 400 && value < 600;
}

function isGiven(document: JsonObject, field: string): boolean {
  return Object.hasOwn(document, field) && document[field] !== null;
}

function isEmpty(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) ? Object.keys(value).length === 0 : value === '' || value === false;
}
