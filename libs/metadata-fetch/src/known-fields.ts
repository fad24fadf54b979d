import type { JsonObject } from './json-value.js';

/** What makes an object the metadata of a token. `title` and `label` do not: they are in error answers as well. */
const KNOWN_FIELDS = [
  'name',
  'description',
  'image',
  'image_url',
  'imageUrl',
  'image_data',
  'svg_image_data',
  'image_content',
  'animation_url',
  'animation',
  'animationUrl',
  'attributes',
  'traits',
  'properties',
  'external_url',
  'external_link',
  'youtube_url',
  'background_color',
  'decimals',
  'localization',
];

/** Frameworks answer errors with a `name` or a `description` too. */
const ERROR_FIELDS = ['error', 'errors', 'stack'];
const STATUS_FIELDS = ['status', 'statusCode', 'code'];

/** Whether this is metadata, and not an error message that was sent with status 200 or a wrapper around something. */
export function hasKnownFields(document: JsonObject): boolean {
  const known = KNOWN_FIELDS.filter((field) => isGiven(document, field));
  if (known.length === 0) return false;
  return known.some((field) => field !== 'name' && field !== 'description') || !isErrorMessage(document);
}

function isErrorMessage(document: JsonObject): boolean {
  return (
    ERROR_FIELDS.some((field) => isGiven(document, field)) ||
    STATUS_FIELDS.some((field) => isErrorStatus(document[field]))
  );
}

function isErrorStatus(value: unknown): boolean {
  return typeof value === 'number' && value >= 400 && value < 600;
}

function isGiven(document: JsonObject, field: string): boolean {
  return Object.hasOwn(document, field) && document[field] !== null;
}
