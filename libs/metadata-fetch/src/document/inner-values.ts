import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { describedValue } from './described-fields.js';

/** Limits on the search in a list or an object that is in place of a text: levels, and values in total. */
const MAX_DEPTH = 3;
const MAX_VALUES = 100;

/** Members of an object that probably contain its URL. They are tried first. */
const URL_MEMBERS = ['url', 'uri', 'href', 'src', 'link', 'ipfsUri', 'value', 'original', 'description'];

/** The texts and numbers in a list, and in an object whose form shows which value is meant. */
export function nestedTexts(value: JsonValue): JsonValue[] {
  return scalarsIn(value, (object) => [describedValue(object)].filter((value) => value !== object));
}

/** All values in a list or an object that may be a URL. */
export function nestedUrls(value: JsonValue): JsonValue[] {
  return scalarsIn(value, (object) => {
    const others = Object.keys(object).filter((key) => !URL_MEMBERS.includes(key) && isContent(object[key]));
    // Sorted, so that documents that differ only in the order of keys give the same result.
    return [...URL_MEMBERS, ...others.toSorted()].map((key) => object[key]);
  });
}

/** Whether a member with another name is content or media, and not a link to a page, such as a license. */
function isContent(value: JsonValue | undefined): boolean {
  if (typeof value !== 'string') return true;
  return (
    /^(?:ipfs|ipns|ar):|^data:(?:image|video|audio|model)\//i.test(value) ||
    /^https?:[^?#]*\.(?:png|jpe?g|gif|webp|avif|svg|mp4|webm|mov|mp3|wav|ogg|glb|gltf)(?:[?#]|$)/i.test(value)
  );
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
