import { contentHash } from './content-hash.js';
import { DocumentFields } from './document-fields.js';
import { truncate, MAX_TEMPLATE_LENGTH, readString, type ExpandId } from './document-text.js';
import type { FetchedLocalization, FetchedMetadata } from './fetched-metadata.js';
import type { Gateways } from '../uri/gateways.js';
import type { DecodedDocument } from './json-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import {
  ANIMATION_FIELDS,
  DESCRIPTION_FIELDS,
  EXTERNAL_FIELDS,
  IMAGE_FIELDS,
  NAME_FIELDS,
  TITLE_FIELDS,
  YOUTUBE_FIELDS,
} from './known-fields.js';
import { readAnimationUrl, readImageUrl, readLinkUrl } from '../uri/media-url.js';
import type { MetadataWarning, TextField } from './metadata-warnings.js';
import { normalizeAttributes } from './normalize-attributes.js';
import { expandErc1155Id, hasErc1155Id, type TokenStandard } from '../uri/erc1155-id.js';
import { trimText } from '@app/metadata-uri';

export interface NormalizeContext {
  /** Decimal uint256. */
  tokenId: string;
  standard?: TokenStandard | undefined;
  gateways: Gateways;
}

const MAX_NAME_LENGTH = 255;
const MAX_DESCRIPTION_LENGTH = 10_000;
const MAX_LOCALES = 200;
const MAX_DECIMALS = 255;

/** Normalises a document, in any form that collections serve, for listing pages. */
export function normalizeMetadata(
  { document, shown = document, raw, warnings: found }: Extract<DecodedDocument, { kind: 'document' }>,
  { tokenId, standard, gateways }: NormalizeContext,
): FetchedMetadata {
  const warnings = new Set(found);
  const expandId = standard === 'erc1155' && hasErc1155Id(raw) ? expandIdWith(tokenId) : asIs;
  const fields = new DocumentFields(shown, expandId, warnings);
  const text = (names: readonly string[], limit: number, code: TextField) => {
    const value = fields.text(names, code);
    if (value !== null && value.length > limit) warnings.add(`${code}_cut`);
    return value === null ? null : truncate(value, limit);
  };
  const link = (value: string) => readLinkUrl(value, gateways);
  const animation = fields.url(ANIMATION_FIELDS, 'animation_url', (value) => readAnimationUrl(value, gateways));
  const image = fields.url(IMAGE_FIELDS, 'image', (value) => readImageUrl(value, gateways));

  return {
    name: text(NAME_FIELDS, MAX_NAME_LENGTH, 'name') ?? text(titleFields(shown), MAX_NAME_LENGTH, 'name'),
    description: text(DESCRIPTION_FIELDS, MAX_DESCRIPTION_LENGTH, 'description'),
    imageUrl: image.url,
    imageOriginal: image.original,
    animationUrl: animation.url,
    animationOriginal: animation.original,
    externalUrl: fields.url(EXTERNAL_FIELDS, 'external_url', link).url,
    youtubeUrl: fields.url(YOUTUBE_FIELDS, 'youtube_url', link).url,
    backgroundColor: normalizeColor(readString(shown.background_color, expandId), warnings),
    decimals: normalizeDecimals(shown.decimals),
    localization: normalizeLocalization(shown.localization),
    attributes: normalizeAttributes(shown, expandId, warnings),
    raw,
    contentHash: contentHash(document),
    warnings: [...warnings].toSorted(),
  };
}

/** In a document in the form of a JSON schema, `title` is that of the schema, the same for every token. */
function titleFields({ type, properties }: JsonObject): string[] {
  return type === 'object' && isJsonObject(properties) ? [] : TITLE_FIELDS;
}

function normalizeColor(text: string | null, warnings: Set<MetadataWarning>): string | null {
  if (text === null) return null;
  const digits = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(text)?.[1]?.toLowerCase();
  if (digits === undefined) warnings.add('invalid_background_color');
  if (digits?.length === 3) return digits.replace(/./g, '$&$&');
  return digits ?? null;
}

function normalizeDecimals(value: JsonValue | undefined): number | null {
  const number = typeof value === 'string' && /^\d{1,3}$/.test(trimText(value)) ? Number(trimText(value)) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return null;
  return number >= 0 && number <= MAX_DECIMALS ? number : null;
}

function normalizeLocalization(value: JsonValue | undefined): FetchedLocalization | null {
  if (!isJsonObject(value)) return null;
  const uri = readString(value.uri, asIs);
  if (uri === null) return null;
  const locales = Array.isArray(value.locales) ? value.locales.map((locale) => readString(locale, asIs)) : [];
  return {
    uri,
    defaultLocale: readString(value.default, asIs),
    locales: locales.filter((locale) => locale !== null).slice(0, MAX_LOCALES),
  };
}

function expandIdWith(tokenId: string): ExpandId {
  return (text) => (text.length > MAX_TEMPLATE_LENGTH ? text : expandErc1155Id(text, tokenId));
}

function asIs(text: string): string {
  return text;
}
