import { readSeconds } from './attribute-date.js';
import { canonicalJson } from './content-hash.js';
import { truncate, type ExpandId } from './document-text.js';
import { isExactDouble } from './exact-numbers.js';
import type { FetchedAttribute } from './fetched-metadata.js';
import { ExactNumber, type JsonValue } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { trimText } from '@app/metadata-uri';

export type AttributeValue = Pick<FetchedAttribute, 'value' | 'valueType'>;

/** Longer values are truncated; `raw` has them whole. */
export const MAX_VALUE_LENGTH = 4_000;

const NUMBER_DISPLAYS = new Set(['number', 'boost_number', 'boost_percentage', 'integer', 'float']);
const NUMBER_TEXT = /^-?(?:0|[1-9]\d{0,77})(?:\.\d{1,78})?$/;

/** Reads one value for listing pages. The display type interprets text; it never turns a number into text. */
export function readAttributeValue(
  value: Exclude<JsonValue, null>,
  displayType: string | null,
  expandId: ExpandId,
  warnings: Set<MetadataWarning>,
): AttributeValue {
  const display = displayType?.toLowerCase() ?? '';
  if (display === 'date' && typeof value !== 'object' && typeof value !== 'boolean') {
    const seconds = readSeconds(value);
    if (seconds !== null) return { value: seconds, valueType: 'date' };
    warnings.add('invalid_date');
  }
  if (typeof value === 'boolean') return { value, valueType: 'boolean' };
  if (typeof value === 'number') return { value, valueType: 'number' };
  if (value instanceof ExactNumber) return { value: value.text, valueType: 'number' };
  if (typeof value === 'string') return readTextValue(trimText(expandId(value)), display, warnings);
  return { value: truncateValue(expandId(canonicalJson(value)), warnings), valueType: 'string' };
}

function readTextValue(text: string, display: string, warnings: Set<MetadataWarning>): AttributeValue {
  if (NUMBER_DISPLAYS.has(display) && NUMBER_TEXT.test(text)) {
    return { value: isExactDouble(text) ? Number(text) : text, valueType: 'number' };
  }
  if (display === 'boolean' && /^(?:true|false)$/i.test(text)) {
    return { value: text.toLowerCase() === 'true', valueType: 'boolean' };
  }
  return { value: truncateValue(text, warnings), valueType: 'string' };
}

function truncateValue(text: string, warnings: Set<MetadataWarning>): string {
  if (text.length > MAX_VALUE_LENGTH) warnings.add('attribute_value_cut');
  return truncate(text, MAX_VALUE_LENGTH);
}
