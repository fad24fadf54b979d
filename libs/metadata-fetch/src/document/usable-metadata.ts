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

/** What makes an object look like the metadata of a token. `title` and `label` do not: they are in error answers as well. */
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

/** Frameworks answer errors with a `name` or a `description` too. */
const ERROR_FIELDS = ['error', 'errors', 'stack'];
const STATUS_FIELDS = ['status', 'statusCode', 'code'];
const SUCCESS_FIELDS = ['success', 'ok'];

/** What templates print for a value that is not there. */
const PLACEHOLDERS = new Set(['null', 'undefined', 'true', 'false']);

/** Of a trait: the last two are an empty list and an empty object as text. */
const EMPTY_VALUES = new Set<FetchedAttribute['value']>(['', '[]', '{}']);

type Shown = Pick<FetchedMetadata, 'name' | 'description' | 'imageUrl' | 'animationUrl' | 'attributes'>;

/**
 * Whether a listing page can show something of it: a name, a description, an image, an animation or a trait. Anything
 * less must not replace a good record.
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

/** Whether it is shaped as metadata, and no error message that was sent with status 200 and no wrapper around something. */
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
