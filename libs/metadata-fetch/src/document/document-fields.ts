import { fieldInProperties } from './described-fields.js';
import { readString, readText, type ExpandId } from './document-text.js';
import { innerAddresses, innerTexts } from './inner-values.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import type { MediaUrl } from '../uri/media-url.js';

/** What was found for an address. */
export interface FoundAddress {
  /** Can be shown. null: none can. */
  url: string | null;
  /** As the document gives it: the one that can be shown, else the first one that does no harm. */
  original: string | null;
}

type ReadUrl = (text: string) => MediaUrl;

/** What templates print for an address that is not there. */
const PLACEHOLDERS = new Set(['null', 'undefined']);

/**
 * Reads single values of a document. Each may stand in any of a list of fields, and below `properties`; the first usable
 * one counts. Where a list or an object stands in its place, the first usable one in there does, with a warning.
 */
export class DocumentFields {
  private readonly properties: JsonObject | null;

  constructor(
    private readonly document: JsonObject,
    private readonly expandId: ExpandId,
    private readonly warnings: Set<string>,
  ) {
    const { properties } = document;
    this.properties = isJsonObject(properties) ? properties : null;
  }

  text(fields: readonly string[], code: string): string | null {
    return this.find(fields, (value) => readText(value, this.expandId) ?? this.innerText(value, code));
  }

  address(fields: readonly string[], code: string, read: ReadUrl): FoundAddress {
    const unusable: Unusable = { original: null, problem: null };
    const found = this.find(fields, (value) => {
      const text = this.addressText(value);
      if (text === null) return this.innerAddress(value, code, read);
      const media = read(text);
      if (media.kind === 'usable') return { url: media.url, original: text };
      unusable.problem ??= media.kind;
      // An unsafe address is not kept where a page might show it; the document still has it.
      if (media.kind !== 'unsafe') unusable.original ??= text;
      return null;
    });
    if (found) return found;
    if (unusable.problem) this.warnings.add(`${unusable.problem}_${code}`);
    return { url: null, original: unusable.original };
  }

  /** The first of the values of which something can be read. */
  private find<T>(fields: readonly string[], read: (value: JsonValue) => T | null): T | null {
    const { document, properties } = this;
    for (const field of fields) {
      const value = document[field];
      const found = value === undefined || value === null ? null : read(value);
      if (found !== null) return found;
    }
    if (!properties) return null;
    for (const field of fields) {
      const value = fieldInProperties(properties, field);
      const found = value === undefined || value === null ? null : read(value);
      if (found !== null) return found;
    }
    return null;
  }

  private innerText(value: JsonValue, code: string): string | null {
    if (!isNested(value)) return null;
    for (const inner of innerTexts(value)) {
      const text = readText(inner, this.expandId);
      if (text === null) continue;
      this.warnings.add(`nested_${code}`);
      return text;
    }
    return null;
  }

  private innerAddress(value: JsonValue, code: string, read: ReadUrl): FoundAddress | null {
    if (!isNested(value)) return null;
    for (const inner of innerAddresses(value)) {
      const original = this.addressText(inner);
      const media = original === null ? null : read(original);
      if (media?.kind !== 'usable') continue;
      this.warnings.add(`nested_${code}`);
      return { url: media.url, original };
    }
    return null;
  }

  private addressText(value: JsonValue): string | null {
    const text = readString(value, this.expandId);
    return text === null || PLACEHOLDERS.has(text) ? null : text;
  }
}

/** The first one given, where none can be shown, and why not. */
interface Unusable {
  original: string | null;
  problem: Exclude<MediaUrl['kind'], 'usable'> | null;
}

function isNested(value: JsonValue): value is JsonValue[] | JsonObject {
  return Array.isArray(value) || isJsonObject(value);
}
