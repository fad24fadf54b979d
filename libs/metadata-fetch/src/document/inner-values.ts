import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { describedValue } from './described-fields.js';

/** Levels, and values in all, that are looked at where a list or an object stands in the place of a text. */
const MAX_DEPTH = 3;
const MAX_VALUES = 100;

/** Members of an object that are likely the address that it is about; others come after them. */
const ADDRESS_MEMBERS = ['url', 'uri', 'href', 'src', 'link', 'ipfsUri', 'value', 'original', 'description'];

/** The texts and numbers of a list in the place of a text, and of an object that says by its form which one it means. */
export function innerTexts(value: JsonValue): JsonValue[] {
  return scalarsIn(value, (object) => [describedValue(object)].filter((meant) => meant !== object));
}

/** Everything in a list or an object in the place of an address that may be one. */
export function innerAddresses(value: JsonValue): JsonValue[] {
  return scalarsIn(value, (object) => {
    const others = Object.keys(object).filter((key) => !ADDRESS_MEMBERS.includes(key));
    // Sorted: the order of keys means nothing, and documents that differ in it alone are the same.
    return [...ADDRESS_MEMBERS, ...others.toSorted()].map((key) => object[key]);
  });
}

function scalarsIn(value: JsonValue, membersOf: (object: JsonObject) => (JsonValue | undefined)[]): JsonValue[] {
  const found: JsonValue[] = [];
  const collect = (inner: JsonValue | undefined, depth: number) => {
    if (inner === undefined || depth > MAX_DEPTH || found.length === MAX_VALUES) return;
    if (Array.isArray(inner)) for (const element of inner.slice(0, MAX_VALUES)) collect(element, depth + 1);
    else if (isJsonObject(inner)) for (const member of membersOf(inner)) collect(member, depth + 1);
    else found.push(inner);
  };
  collect(value, 0);
  return found;
}
