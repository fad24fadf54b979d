import { LONGEST_VALUE, readAttributeValue } from './attribute-value.js';
import { cutText, readString, readText, type Fill } from './document-text.js';
import { parseExactly } from './exact-numbers.js';
import type { FetchedAttribute } from './fetched-metadata.js';
import { isOutOfBounds } from './json-bounds.js';
import { ExactNumber, isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { toStorableText } from './storable-text.js';

const MOST_ATTRIBUTES = 1_000;
const LONGEST_TRAIT_TYPE = 1_000;
const LONGEST_DISPLAY_TYPE = 64;
/** The fields that the schema of ERC-721 has: there they say what a token is, and no trait of it. */
const SCHEMA_FIELDS = ['name', 'description', 'image'];
const NAME_FIELDS = ['trait_type', 'traitType', 'trait', 'key', 'name'];

/** A trait as found, before its value is read. */
interface Found {
  name: string | null;
  value: JsonValue | undefined;
  displayType: string | null;
  maxValue: JsonValue | undefined;
}

/**
 * The traits of a document: `attributes`, else `traits`, each a list, a map, or one of these as JSON text; else the
 * `properties` map of Axie and Gods Unchained. What cannot be read is passed over, the rest is kept in its order.
 */
export function normalizeAttributes(document: JsonObject, fill: Fill, warnings: Set<string>): FetchedAttribute[] {
  const found = findTraits(document, fill, warnings);
  const attributes: FetchedAttribute[] = [];
  for (const trait of found) {
    if (attributes.length === MOST_ATTRIBUTES) {
      warnings.add('too_many_attributes');
      break;
    }
    const attribute = trait && toAttribute(trait, fill, warnings);
    if (attribute) attributes.push(attribute);
    else warnings.add('skipped_attribute');
  }
  return attributes;
}

function findTraits(document: JsonObject, fill: Fill, warnings: Set<string>): Iterable<Found | null> {
  const attributes = readCollection(document.attributes, warnings);
  const given = isEmpty(attributes) ? (readCollection(document.traits, warnings) ?? attributes) : attributes;
  if (Array.isArray(given)) return foundInList(given, fill);
  if (given) return foundInMap(given, fill);
  return isJsonObject(document.properties) ? foundInProperties(document.properties, fill) : [];
}

/** A list or a map; null for what is neither. Some contracts hold it as JSON text, which is read once. */
function readCollection(value: JsonValue | undefined, warnings: Set<string>): JsonValue[] | JsonObject | null {
  if (value === undefined || value === null || value === '') return null;
  const collection = typeof value === 'string' ? parseCollection(value) : value;
  if (Array.isArray(collection) || isJsonObject(collection)) return collection;
  warnings.add('invalid_attributes');
  return null;
}

function parseCollection(text: string): JsonValue {
  if (isOutOfBounds(text)) return null;
  try {
    // Once more, since `\\u0000` in the document is `\u0000` in this text.
    return parseExactly(toStorableText(text)).value;
  } catch {
    return null;
  }
}

function isEmpty(collection: JsonValue[] | JsonObject | null): boolean {
  return collection === null || (Array.isArray(collection) && collection.length === 0);
}

function* foundInList(list: readonly JsonValue[], fill: Fill): Iterable<Found | null> {
  for (const element of list) {
    if (isJsonObject(element)) yield foundInElement(element, fill);
    else if (element === null || Array.isArray(element)) yield null;
    else yield { name: null, value: element, displayType: null, maxValue: undefined };
  }
}

function foundInElement(element: JsonObject, fill: Fill): Found {
  const nameField = NAME_FIELDS.find((field) => element[field] !== undefined && element[field] !== null);
  const keys = nameField === undefined && element.value === undefined ? Object.keys(element) : [];
  // `{"Background": "Red"}`: the key is the name.
  if (keys.length === 1) return { name: keys[0]!, value: element[keys[0]!], displayType: null, maxValue: undefined };
  return {
    name: nameField === undefined ? null : readText(element[nameField], fill),
    value: element.value,
    displayType: readString(element.display_type ?? element.displayType, fill),
    maxValue: element.max_value ?? element.maxValue,
  };
}

function* foundInMap(map: JsonObject, fill: Fill): Iterable<Found> {
  for (const name of Object.keys(map)) yield foundInMember(name, map[name]!, fill);
}

/** Here lists and objects without a value are files, creators and the like. */
function* foundInProperties(properties: JsonObject, fill: Fill): Iterable<Found> {
  for (const name of Object.keys(properties)) {
    const given = properties[name]!;
    const member = withValue(given);
    if (member !== given && SCHEMA_FIELDS.includes(name)) continue;
    const isTrait = isJsonObject(member) ? member.value !== undefined : !Array.isArray(member) && member !== null;
    if (isTrait) yield foundInMember(name, member, fill);
  }
}

/** Early ERC-721 documents follow the schema of the standard: the value of `{type, description}` is in its description. */
function withValue(member: JsonValue): JsonValue {
  if (!isJsonObject(member) || member.value !== undefined) return member;
  const { type, description } = member;
  return typeof type === 'string' && typeof description === 'string' ? { type, value: description } : member;
}

function foundInMember(name: string, member: JsonValue, fill: Fill): Found {
  if (!isJsonObject(member) || member.value === undefined) {
    return { name: name.trim(), value: member, displayType: null, maxValue: undefined };
  }
  return {
    name: name.trim(),
    value: member.value,
    displayType: readString(member.display_type ?? member.type, fill),
    maxValue: member.max_value,
  };
}

function toAttribute(found: Found, fill: Fill, warnings: Set<string>): FetchedAttribute | null {
  const { value, displayType, maxValue } = found;
  if (value === undefined || value === null) return null;
  const name = found.name ?? '';
  if (name === '') warnings.add('unnamed_attribute');
  if (name.length > LONGEST_TRAIT_TYPE) warnings.add('attribute_name_cut');
  return {
    traitType: cutText(name, LONGEST_TRAIT_TYPE),
    ...readAttributeValue(value, displayType, fill, warnings),
    displayType: displayType === null ? null : cutText(displayType, LONGEST_DISPLAY_TYPE),
    maxValue: readMaxValue(maxValue),
  };
}

function readMaxValue(value: JsonValue | undefined): number | null {
  if (typeof value === 'number') return value;
  const text = value instanceof ExactNumber ? value.text : value;
  if (typeof text !== 'string' || !/^\s*-?\d+(?:\.\d+)?\s*$/.test(text.slice(0, LONGEST_VALUE))) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}
