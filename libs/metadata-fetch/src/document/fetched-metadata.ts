/** One trait of a token in the OpenSea form, whatever form the document had. */
export interface FetchedAttribute {
  traitType: string;
  /** A number that JavaScript would round is a string, with `valueType` 'number'. */
  value: string | number | boolean;
  valueType: 'string' | 'number' | 'boolean' | 'date';
  displayType: string | null;
  maxValue: number | null;
}

/** The location of translations, as in the document (ERC-1155). They are not fetched. */
export interface FetchedLocalization {
  /** Contains `{locale}`. */
  uri: string;
  defaultLocale: string | null;
  locales: string[];
}

/** Decoded and normalised metadata of a token, with the document it came from. */
export interface FetchedMetadata {
  name: string | null;
  description: string | null;
  /** Safe to show: http(s), or a `data:` image. `ipfs://` and `ar://` become gateway URLs. Never requested here. */
  imageUrl: string | null;
  /** The image exactly as in the document. */
  imageOriginal: string | null;
  animationUrl: string | null;
  /** The animation exactly as in the document. */
  animationOriginal: string | null;
  externalUrl: string | null;
  youtubeUrl: string | null;
  /** Six hex digits, lower case, no `#`. */
  backgroundColor: string | null;
  /** ERC-1155: the number of decimal places of an amount. */
  decimals: number | null;
  localization: FetchedLocalization | null;
  attributes: FetchedAttribute[];
  /** The document as JSON text, with every digit of its numbers; only U+0000 and lone surrogates are replaced. */
  raw: string;
  /** SHA-256 (hex) of the canonical document, independent of key order and white space. */
  contentHash: string;
  /** Codes of irregularities in the document, sorted, without duplicates. */
  warnings: string[];
}
