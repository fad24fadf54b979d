import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';

/** Fields that the JSON schema of ERC-721 has below `properties`. */
const SCHEMA_FIELDS = new Set([...NAME_FIELDS, ...DESCRIPTION_FIELDS, 'image']);
const DESCRIBED_FIELDS = new Set([
  ...SCHEMA_FIELDS,
  ...IMAGE_FIELDS,
  ...ANIMATION_FIELDS,
  ...EXTERNAL_FIELDS,
  ...YOUTUBE_FIELDS,
]);

/**
 * The value of a member in the form of the JSON schema of ERC-721: "Red" of `{"type": "string", "description": "Red"}` and
 * of `{"value": "Red"}`. Returns anything else unchanged.
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

/** The value of a document's field that is below `properties`; undefined if that member is a trait. */
export function fieldInProperties(properties: JsonObject, field: string): JsonValue | undefined {
  const member = properties[field];
  if (member === undefined || !DESCRIBED_FIELDS.has(field)) return undefined;
  const value = describedValue(member);
  return value !== member || SCHEMA_FIELDS.has(field) ? value : undefined;
}

/** Whether a member of `properties` is a field of the document instead of a trait. */
export function isFieldInProperties(document: JsonObject, properties: JsonObject, field: string): boolean {
  if (!DESCRIBED_FIELDS.has(field)) return false;
  const member = properties[field];
  if (isJsonObject(member) && member.value === undefined && isDescribed(member)) return true;
  const value = document[field];
  const isMissing = value === undefined || value === null || value === '';
  return isMissing && fieldInProperties(properties, field) !== undefined;
}
