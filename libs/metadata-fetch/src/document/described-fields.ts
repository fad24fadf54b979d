import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';

/** What the JSON schema of ERC-721 describes below `properties`. */
const SCHEMA_FIELDS = new Set([...NAME_FIELDS, ...DESCRIPTION_FIELDS, 'image']);
const DESCRIBED_FIELDS = new Set([
  ...SCHEMA_FIELDS,
  ...IMAGE_FIELDS,
  ...ANIMATION_FIELDS,
  ...EXTERNAL_FIELDS,
  ...YOUTUBE_FIELDS,
]);

/**
 * The value of a member in the shape that the JSON schema of ERC-721 gives it: `{"type": "string", "description": "Red"}`
 * is Red, and so is `{"value": "Red"}`. Everything else is its own value.
 */
export function describedValue(member: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(member)) return member;
  if (member.value !== undefined) return member.value;
  return isDescribed(member) ? member.description : member;
}

/** `{type, description}`, as in the JSON schema of ERC-721. */
export function isDescribed({ type, description }: JsonObject): boolean {
  return typeof type === 'string' && (typeof description === 'string' || typeof description === 'number');
}

/** What a member of `properties` says about this field of the document; undefined where it is a trait of that name. */
export function fieldInProperties(properties: JsonObject, field: string): JsonValue | undefined {
  const member = properties[field];
  if (member === undefined || !DESCRIBED_FIELDS.has(field)) return undefined;
  const value = describedValue(member);
  return value !== member || SCHEMA_FIELDS.has(field) ? value : undefined;
}

/** Whether a member of `properties` is the document's own field, and no trait. */
export function isFieldInProperties(document: JsonObject, properties: JsonObject, field: string): boolean {
  if (!DESCRIBED_FIELDS.has(field)) return false;
  const member = properties[field];
  if (isJsonObject(member) && member.value === undefined && isDescribed(member)) return true;
  const above = document[field];
  const isMissing = above === undefined || above === null || above === '';
  return isMissing && fieldInProperties(properties, field) !== undefined;
}
