/** One trait of a token, as wallets and marketplaces read it: the OpenSea form, whatever form the document had. */
export interface FetchedAttribute {
  traitType: string;
  /** A number that a JavaScript number cannot hold exactly stays text, with `valueType` 'number'. */
  value: string | number | boolean;
  valueType: 'string' | 'number' | 'boolean' | 'date';
  displayType: string | null;
  maxValue: number | null;
}

/** Where the document says its translations are (ERC-1155). They are kept, not fetched. */
export interface FetchedLocalization {
  /** With `{locale}` in it. */
  uri: string;
  defaultLocale: string | null;
  locales: string[];
}

/** A token's metadata after decoding and normalising: what a listing page reads, and the document it came from. */
export interface FetchedMetadata {
  name: string | null;
  description: string | null;
  /** Can be shown: http(s), or a `data:` image. `ipfs://` and `ar://` become gateway URLs. Never requested by us. */
  imageUrl: string | null;
  /** The image exactly as the document gave it. */
  imageOriginal: string | null;
  animationUrl: string | null;
  /** The animation exactly as the document gave it. */
  animationOriginal: string | null;
  externalUrl: string | null;
  youtubeUrl: string | null;
  /** Six hex digits, lower case, no `#`. */
  backgroundColor: string | null;
  /** ERC-1155: by how many places an amount is shifted when it is shown. */
  decimals: number | null;
  localization: FetchedLocalization | null;
  attributes: FetchedAttribute[];
  /** The document as JSON text, numbers to the last digit; only U+0000 and lone surrogates are replaced. */
  raw: string;
  /** SHA-256 (hex) of the canonical document: key order and white space do not count. */
  contentHash: string;
  /** Codes of what was odd about the document, sorted, each once. */
  warnings: string[];
}
