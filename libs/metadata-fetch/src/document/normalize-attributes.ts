import { MAX_VALUE_LENGTH, readAttributeValue } from './attribute-value.js';
import { isDescribed, isFieldInProperties } from './described-fields.js';
import { hasVisibleCharacter, truncate, readString, readText, type ExpandId } from './document-text.js';
import { parseExactly } from './exact-numbers.js';
import type { FetchedAttribute } from './fetched-metadata.js';
import { isOutOfBounds } from './json-bounds.js';
import { ExactNumber, isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { mayHoldNul, withoutNulPadding } from './nul-padding.js';
import { sanitizeForPostgres } from './sanitize-for-postgres.js';
import { trimText } from '@app/metadata-uri';

const MAX_ATTRIBUTES = 1_000;
const MAX_TRAIT_TYPE_LENGTH = 1_000;
const MAX_DISPLAY_TYPE_LENGTH = 64;
const NAME_FIELDS = ['trait_type', 'traitType', 'trait', 'key', 'name'];

/** Fields of a trait in list form. An element with only these and no value is not a trait. */
const TRAIT_FIELDS = [...NAME_FIELDS, 'value', 'display_type', 'displayType', 'max_value', 'maxValue'];

/** A trait whose value is not normalised yet. */
interface RawTrait {
  name: string | null;
  value: JsonValue | undefined;
  displayType: string | null;
  maxValue: JsonValue | undefined;
}

/**
 * The traits of a document: `attributes`, else `traits`, each a list, a map, or one of these as JSON text, at the top level or
 * below `properties`; else the `properties` map of Axie and Gods Unchained. Keeps the order, and skips traits that cannot be
 * read.
 */
export function normalizeAttributes(
  document: JsonObject,
  expandId: ExpandId,
  warnings: Set<MetadataWarning>,
): FetchedAttribute[] {
  const traits = findTraits(document, expandId, warnings);
  const attributes: FetchedAttribute[] = [];
  for (const trait of traits) {
    if (attributes.length === MAX_ATTRIBUTES) {
      warnings.add('too_many_attributes');
      break;
    }
    const attribute = trait && toAttribute(trait, expandId, warnings);
    if (attribute) attributes.push(attribute);
    else warnings.add('skipped_attribute');
  }
  return attributes;
}

function findTraits(
  document: JsonObject,
  expandId: ExpandId,
  warnings: Set<MetadataWarning>,
): Iterable<RawTrait | null> {
  const collection = readCollections(document, warnings);
  const properties = isEmpty(collection) ? readCollection(document.properties) : null;
  const inner = nestedCollection(properties ?? collection);
  if (inner) return traitsIn(inner, expandId);
  if (collection) return traitsIn(collection, expandId);
  if (Array.isArray(properties)) return traitsInList(properties.filter(isNamedTrait), expandId);
  return properties ? traitsInProperties(document, properties, expandId) : [];
}

type Collection = JsonValue[] | JsonObject;

/** `attributes`, or `traits` if that is empty. */
function readCollections(map: JsonObject, warnings?: Set<MetadataWarning>): Collection | null {
  const attributes = readCollection(map.attributes, warnings);
  return isEmpty(attributes) ? (readCollection(map.traits, warnings) ?? attributes) : attributes;
}

/** One level deeper: `{"properties": {"traits": […]}}`. A list of plain values is a trait of that name instead. */
function nestedCollection(collection: Collection | null): Collection | null {
  if (collection === null || Array.isArray(collection)) return null;
  const inner = readCollections(collection);
  if (isEmpty(inner) || isOneTrait(inner)) return null;
  return Array.isArray(inner) && !inner.some((element) => isJsonObject(element)) ? null : inner;
}

/** A trait that happens to be named `traits` or `attributes`, or a field of a JSON schema that describes itself. */
function isOneTrait(collection: Collection | null): boolean {
  if (!isJsonObject(collection ?? undefined)) return false;
  const { value, type, description } = collection as JsonObject;
  return value !== undefined || (type !== undefined && description !== undefined);
}

/** A list or a map, else null. Some contracts store it as JSON text, which is parsed once. */
function readCollection(value: JsonValue | undefined, warnings?: Set<MetadataWarning>): Collection | null {
  if (value === undefined || value === null || value === '') return null;
  const collection = typeof value === 'string' ? parseCollection(value) : value;
  if (isJsonObject(collection)) return listInMap(collection) ?? collection;
  if (Array.isArray(collection)) return collection;
  warnings?.add('invalid_attributes');
  return null;
}

/**
 * The list that a map stands for, else null: one trait in place of the list, or a list with its indices as keys, as PHP writes
 * it after an element was removed.
 */
function listInMap(map: JsonObject): JsonValue[] | null {
  if (isWholeTrait(map)) return [map];
  const elements = Object.keys(map).map((key) => map[key]!);
  const isList =
    elements.length > 0 &&
    Object.keys(map).every((key) => /^\d{1,10}$/.test(key)) &&
    elements.every((element) => isJsonObject(element) && nameFieldOf(element) !== undefined);
  return isList ? elements : null;
}

/** An object with its own name and value, whatever its key in a map. */
function isWholeTrait(value: JsonValue): value is JsonObject {
  return isJsonObject(value) && value.value !== undefined && (isScalar(value.trait_type) || isScalar(value.traitType));
}

function isScalar(value: JsonValue | undefined): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function parseCollection(text: string): JsonValue {
  // Rejects a long text of another kind without parsing it.
  const content = trimText(text);
  if (!/^[[{]/.test(content) || isOutOfBounds(content)) return null;
  try {
    // Sanitize again: `\\u0000` in the document has become `\u0000` in this text.
    const { value } = parseExactly(sanitizeForPostgres(content));
    return mayHoldNul(content) ? withoutNulPadding(content, value) : value;
  } catch {
    return null;
  }
}

function isEmpty(collection: Collection | null): boolean {
  return collection === null || (Array.isArray(collection) ? collection : Object.keys(collection)).length === 0;
}

function traitsIn(collection: Collection, expandId: ExpandId): Iterable<RawTrait | null> {
  return Array.isArray(collection) ? traitsInList(collection, expandId) : traitsInMap(collection, expandId);
}

function* traitsInList(list: readonly JsonValue[], expandId: ExpandId): Iterable<RawTrait | null> {
  for (const element of list) {
    if (isJsonObject(element)) {
      const nameField = nameFieldOf(element);
      if (nameField === undefined && element.value === undefined) yield* traitsInRecord(element, expandId);
      else yield traitOfElement(element, nameField, expandId);
    } else if (element === null || Array.isArray(element)) yield null;
    else yield { name: null, value: element, displayType: null, maxValue: undefined };
  }
}

function traitOfElement(element: JsonObject, nameField: string | undefined, expandId: ExpandId): RawTrait {
  return {
    name: nameField === undefined ? null : readText(element[nameField], expandId),
    value: element.value,
    displayType: readString(element.display_type ?? element.displayType, expandId),
    maxValue: element.max_value ?? element.maxValue,
  };
}

function nameFieldOf(element: JsonObject): string | undefined {
  return NAME_FIELDS.find((field) => element[field] !== undefined && element[field] !== null);
}

/** `{"Background": "Red", "Eyes": "Blue"}`: the keys are the names. */
function traitsInRecord(record: JsonObject, expandId: ExpandId): Iterable<RawTrait | null> {
  const names = Object.keys(record).filter((name) => !TRAIT_FIELDS.includes(name));
  return names.length === 0 ? [null] : names.map((name) => traitOfMember(name, record[name]!, expandId));
}

/** An element of a list whose other elements may be files, creators and the like. */
function isNamedTrait(element: JsonValue): boolean {
  return isJsonObject(element) && element.value !== undefined && nameFieldOf(element) !== undefined;
}

function* traitsInMap(map: JsonObject, expandId: ExpandId): Iterable<RawTrait> {
  for (const name of Object.keys(map)) yield traitOfMember(name, map[name]!, expandId);
}

/** Skips lists, and objects without a value: below `properties` they are files, creators and the like. */
function* traitsInProperties(document: JsonObject, properties: JsonObject, expandId: ExpandId): Iterable<RawTrait> {
  for (const name of Object.keys(properties)) {
    if (isFieldInProperties(document, properties, name)) continue;
    const member = withValue(properties[name]!);
    const isTrait = isJsonObject(member) ? member.value !== undefined : !Array.isArray(member) && member !== null;
    if (isTrait) yield traitOfMember(name, member, expandId);
  }
}

/** Early ERC-721 documents copy the JSON schema of the standard: the value of `{type, description}` is its description. */
function withValue(member: JsonValue): JsonValue {
  if (!isJsonObject(member) || member.value !== undefined || !isDescribed(member)) return member;
  return { type: member.type!, value: member.description! };
}

function traitOfMember(name: string, member: JsonValue, expandId: ExpandId): RawTrait {
  if (isWholeTrait(member)) return traitOfElement(member, nameFieldOf(member), expandId);
  if (!isJsonObject(member) || member.value === undefined) {
    return { name: memberName(name), value: member, displayType: null, maxValue: undefined };
  }
  return {
    name: memberName(name),
    value: member.value,
    displayType: readString(member.display_type ?? member.type, expandId),
    maxValue: member.max_value,
  };
}

/** A key without a visible character is no name, as in any other text. */
function memberName(key: string): string {
  const name = trimText(key);
  return hasVisibleCharacter(name) ? name : '';
}

function toAttribute(trait: RawTrait, expandId: ExpandId, warnings: Set<MetadataWarning>): FetchedAttribute | null {
  const { value, displayType, maxValue } = trait;
  if (value === undefined || value === null) return null;
  const name = trait.name ?? '';
  if (name === '') warnings.add('unnamed_attribute');
  if (name.length > MAX_TRAIT_TYPE_LENGTH) warnings.add('attribute_name_cut');
  return {
    traitType: truncate(name, MAX_TRAIT_TYPE_LENGTH),
    ...readAttributeValue(value, displayType, expandId, warnings),
    displayType: displayType === null ? null : truncate(displayType, MAX_DISPLAY_TYPE_LENGTH),
    maxValue: readMaxValue(maxValue),
  };
}

function readMaxValue(value: JsonValue | undefined): number | null {
  if (typeof value === 'number') return value;
  const text = value instanceof ExactNumber ? value.text : value;
  if (typeof text !== 'string' || text.length > MAX_VALUE_LENGTH) return null;
  const number = /^-?\d+(?:\.\d+)?$/.test(trimText(text)) ? Number(trimText(text)) : Infinity;
  return Number.isFinite(number) ? number : null;
}
