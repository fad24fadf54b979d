import { contentHash } from './content-hash.js';
import { cutText, LONGEST_TEMPLATE, readString, readText, type Fill } from './document-text.js';
import type { FetchedLocalization, FetchedMetadata } from './fetched-metadata.js';
import type { Gateways } from './gateways.js';
import type { DecodedDocument } from './json-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
import { readAnimationUrl, readImageUrl, readLinkUrl, type MediaUrl } from './media-url.js';
import { normalizeAttributes } from './normalize-attributes.js';
import { fillTokenId, hasTokenIdTemplate, type TokenStandard } from './token-id-template.js';

export interface NormalizeContext {
  /** Decimal uint256. */
  tokenId: string;
  standard?: TokenStandard | undefined;
  gateways: Gateways;
}

const LONGEST_NAME = 255;
const LONGEST_DESCRIPTION = 10_000;
const MOST_LOCALES = 200;
const LARGEST_DECIMALS = 255;

/** From a document in any of the shapes that collections serve to what listing pages read. */
export function normalizeMetadata(
  { document, raw, warnings: found }: Extract<DecodedDocument, { kind: 'document' }>,
  { tokenId, standard, gateways }: NormalizeContext,
): FetchedMetadata {
  const warnings = new Set(found);
  const fill = standard === 'erc1155' && hasTokenIdTemplate(raw) ? fillWith(tokenId) : asIs;
  const text = (fields: readonly string[], limit: number, code: string) => {
    const value = firstOf(fields, (field) => readText(document[field], fill));
    if (value !== null && value.length > limit) warnings.add(code);
    return value === null ? null : cutText(value, limit);
  };
  const link = (fields: readonly string[], code: string) => {
    const value = firstOf(fields, (field) => readString(document[field], fill));
    return value === null ? null : usableUrl(readLinkUrl(value, gateways), code, warnings);
  };
  const image = firstUsable(imageValues(document), { fill, read: (text) => readImageUrl(text, gateways) });
  if (image.problem) warnings.add(`${image.problem}_image`);
  const animations = ANIMATION_FIELDS.map((field) => document[field]);
  const animation = firstUsable(animations, { fill, read: (text) => readAnimationUrl(text, gateways) });
  if (animation.problem) warnings.add(`${animation.problem}_animation_url`);

  return {
    name: text(NAME_FIELDS, LONGEST_NAME, 'name_cut'),
    description: text(['description'], LONGEST_DESCRIPTION, 'description_cut'),
    imageUrl: image.url,
    imageOriginal: image.original,
    animationUrl: animation.url,
    animationOriginal: animation.original,
    externalUrl: link(EXTERNAL_FIELDS, 'external_url'),
    youtubeUrl: link(['youtube_url'], 'youtube_url'),
    backgroundColor: normalizeColor(readString(document.background_color, fill), warnings),
    decimals: normalizeDecimals(document.decimals),
    localization: normalizeLocalization(document.localization),
    attributes: normalizeAttributes(document, fill, warnings),
    raw,
    contentHash: contentHash(document),
    warnings: [...warnings].toSorted(),
  };
}

const NAME_FIELDS = ['name', 'title', 'label'];
const IMAGE_FIELDS = ['image', 'image_url', 'imageUrl', 'image_data', 'svg_image_data', 'image_content'];
const ANIMATION_FIELDS = ['animation_url', 'animation', 'animationUrl'];
const EXTERNAL_FIELDS = ['external_url', 'external_link'];

interface MediaAddress {
  url: string | null;
  original: string | null;
  /** Why none of those given can be shown. */
  problem: Exclude<MediaUrl['kind'], 'usable'> | null;
}

/** The first address that can be shown; if there is none, the first one given is kept as the original. */
function firstUsable(
  values: Iterable<JsonValue | undefined>,
  { fill, read }: { fill: Fill; read: (text: string) => MediaUrl },
): MediaAddress {
  const none: MediaAddress = { url: null, original: null, problem: null };
  for (const value of values) {
    const text = readString(value, fill);
    if (text === null || /^(?:null|undefined)$/.test(text)) continue;
    const media = read(text);
    if (media.kind === 'usable') return { url: media.url, original: text, problem: null };
    none.problem ??= media.kind;
    // An unsafe address is not kept where a page might show it; the document still has it.
    if (media.kind !== 'unsafe') none.original ??= text;
  }
  return none;
}

function* imageValues(document: JsonObject): Iterable<JsonValue | undefined> {
  for (const field of IMAGE_FIELDS) yield document[field];
  if (!isJsonObject(document.properties)) return;
  const image = document.properties.image;
  yield isJsonObject(image) ? image.value : image;
}

function usableUrl(media: MediaUrl, code: string, warnings: Set<string>): string | null {
  if (media.kind === 'usable') return media.url;
  warnings.add(`${media.kind}_${code}`);
  return null;
}

function normalizeColor(text: string | null, warnings: Set<string>): string | null {
  if (text === null) return null;
  const digits = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(text)?.[1]?.toLowerCase();
  if (digits === undefined) warnings.add('invalid_background_color');
  if (digits?.length === 3) return digits.replace(/./g, '$&$&');
  return digits ?? null;
}

function normalizeDecimals(value: JsonValue | undefined): number | null {
  const number = typeof value === 'string' && /^\d{1,3}$/.test(value.trim()) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return null;
  return number >= 0 && number <= LARGEST_DECIMALS ? number : null;
}

function normalizeLocalization(value: JsonValue | undefined): FetchedLocalization | null {
  if (!isJsonObject(value)) return null;
  const uri = readString(value.uri, asIs);
  if (uri === null) return null;
  const locales = Array.isArray(value.locales) ? value.locales.map((locale) => readString(locale, asIs)) : [];
  return {
    uri,
    defaultLocale: readString(value.default, asIs),
    locales: locales.filter((locale) => locale !== null).slice(0, MOST_LOCALES),
  };
}

function firstOf(fields: readonly string[], read: (field: string) => string | null): string | null {
  for (const field of fields) {
    const value = read(field);
    if (value !== null) return value;
  }
  return null;
}

function fillWith(tokenId: string): Fill {
  return (text) => (text.length > LONGEST_TEMPLATE ? text : fillTokenId(text, tokenId));
}

function asIs(text: string): string {
  return text;
}
