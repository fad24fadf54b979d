import { hash } from 'node:crypto';
import { canonicalNumber } from './exact-numbers.js';
import { ExactNumber, type JsonObject, type JsonValue } from './json-value.js';

/** SHA-256 (hex) of the canonical document: equal for documents that differ in white space, key order and spelling only. */
export function contentHash(document: JsonObject): string {
  return hash('sha256', canonicalJson(document), 'hex');
}

/** Sorted keys, no white space, one spelling for each string and number. Depth is bounded where documents are decoded. */
export function canonicalJson(value: JsonValue): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
      return `${value}`;
    default:
      return value === null ? 'null' : canonicalComposite(value);
  }
}

function canonicalComposite(value: ExactNumber | JsonValue[] | JsonObject): string {
  if (value instanceof ExactNumber) return canonicalNumber(value.text);
  let text = '';
  if (Array.isArray(value)) {
    for (const element of value) text += text === '' ? canonicalJson(element) : `,${canonicalJson(element)}`;
    return `[${text}]`;
  }
  for (const key of Object.keys(value).toSorted()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(value[key]!)}`;
  }
  return `{${text}}`;
}
