import { readImageUrl } from '../uri/media-url.js';
import type { Gateways } from '../uri/gateways.js';
import { DocumentFields } from './document-fields.js';
import { readString, truncate } from './document-text.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import type { JsonObject, JsonValue } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';

/** The document of a collection (ERC-7572), normalised like that of a token. */
export interface CollectionDocument {
  name: string | null;
  symbol: string | null;
  description: string | null;
  /** Safe to show, like the next ones: http(s), or a `data:` image. */
  image: string | null;
  bannerImage: string | null;
  featuredImage: string | null;
  externalLink: string | null;
  /** Addresses, lower case. */
  collaborators: string[];
  /** The document as JSON text. */
  raw: string;
  warnings: string[];
}

const BANNER_FIELDS = ['banner_image', 'banner_image_url', 'banner'];
const FEATURED_FIELDS = ['featured_image', 'featured_image_url'];
const MAX_SYMBOL_LENGTH = 255;
const MAX_COLLABORATORS = 100;

/** Reads what only collections have from a document, `shown`, that was read like that of a token. */
export function toCollectionDocument(
  metadata: FetchedMetadata,
  shown: JsonObject,
  gateways: Gateways,
): CollectionDocument {
  const { name, description, imageUrl, externalUrl, raw } = metadata;
  const warnings = new Set(metadata.warnings as MetadataWarning[]);
  const fields = new DocumentFields(shown, asIs, warnings);
  const image = (names: readonly string[], code: 'banner_image' | 'featured_image') =>
    fields.url(names, code, (text) => readImageUrl(text, gateways)).url;
  const symbol = readString(shown['symbol'], asIs);
  return {
    name,
    symbol: symbol === null ? null : truncate(symbol, MAX_SYMBOL_LENGTH),
    description,
    image: imageUrl,
    bannerImage: image(BANNER_FIELDS, 'banner_image'),
    featuredImage: image(FEATURED_FIELDS, 'featured_image'),
    externalLink: externalUrl,
    collaborators: readCollaborators(shown['collaborators'], warnings),
    raw,
    warnings: [...warnings].toSorted(),
  };
}

function readCollaborators(value: JsonValue | undefined, warnings: Set<MetadataWarning>): string[] {
  if (value === undefined || value === null) return [];
  const entries = Array.isArray(value) ? value.map((entry) => readString(entry, asIs)) : [null];
  const addresses = entries.filter((entry) => entry !== null && /^0x[0-9a-f]{40}$/i.test(entry));
  if (addresses.length < entries.length || addresses.length > MAX_COLLABORATORS) warnings.add('skipped_collaborator');
  return [...new Set(addresses.map((address) => address!.toLowerCase()))].slice(0, MAX_COLLABORATORS);
}

function asIs(text: string): string {
  return text;
}
