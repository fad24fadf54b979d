import { fieldInProperties } from './described-fields.js';
import { readString, readText, type ExpandId } from './document-text.js';
import { nestedUrls, nestedTexts } from './inner-values.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import type { MediaUrl } from '../uri/media-url.js';
import type { MetadataWarning, TextField, UrlField } from './metadata-warnings.js';

/** The URL that was found for a field. */
export interface FoundUrl {
  /** Safe to show; null if there is none. */
  url: string | null;
  /** As in the document: the URL that can be shown, else the first one that is not unsafe. */
  original: string | null;
}

type ReadUrl = (text: string) => MediaUrl;

/** What templates print for a missing value. */
const PLACEHOLDERS = new Set(['null', 'undefined']);

/**
 * Reads single values of a document. Each may be in any of several fields, also below `properties`; the first usable one counts.
 * If the value is a list or an object, the first usable value inside it counts, with a warning.
 */
export class DocumentFields {
  private readonly properties: JsonObject | null;

  constructor(
    private readonly document: JsonObject,
    private readonly expandId: ExpandId,
    private readonly warnings: Set<MetadataWarning>,
  ) {
    const { properties } = document;
    this.properties = isJsonObject(properties) ? properties : null;
  }

  text(fields: readonly string[], code: TextField): string | null {
    return this.find(fields, (value) => readText(value, this.expandId) ?? this.nestedText(value, code));
  }

  url(fields: readonly string[], code: UrlField, read: ReadUrl): FoundUrl {
    const unusable: Unusable = { original: null, problem: null };
    const found = this.find(fields, (value) => {
      const text = this.urlText(value);
      if (text === null) return this.nestedUrl(value, code, read);
      const media = read(text);
      if (media.kind === 'usable') return { url: media.url, original: text };
      unusable.problem ??= media.kind;
      // A page might show the original, so an unsafe URL is not returned; `raw` still has it.
      if (media.kind !== 'unsafe') unusable.original ??= text;
      return null;
    });
    if (found) return found;
    if (unusable.problem) this.warnings.add(`${unusable.problem}_${code}`);
    return { url: null, original: unusable.original };
  }

  /** The first value that can be read. */
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

  private nestedText(value: JsonValue, code: TextField): string | null {
    if (!isNested(value)) return null;
    for (const inner of nestedTexts(value)) {
      const text = readText(inner, this.expandId);
      if (text === null) continue;
      this.warnings.add(`nested_${code}`);
      return text;
    }
    return null;
  }

  private nestedUrl(value: JsonValue, code: UrlField, read: ReadUrl): FoundUrl | null {
    if (!isNested(value)) return null;
    for (const inner of nestedUrls(value)) {
      const original = this.urlText(inner);
      const media = original === null ? null : read(original);
      if (media?.kind !== 'usable') continue;
      this.warnings.add(`nested_${code}`);
      return { url: media.url, original };
    }
    return null;
  }

  private urlText(value: JsonValue): string | null {
    const text = readString(value, this.expandId);
    return text === null || PLACEHOLDERS.has(text) ? null : text;
  }
}

/** The first URL if none can be shown, and why not. */
interface Unusable {
  original: string | null;
  problem: Exclude<MediaUrl['kind'], 'usable'> | null;
}

function isNested(value: JsonValue): value is JsonValue[] | JsonObject {
  return Array.isArray(value) || isJsonObject(value);
}
