/** One trait of a token, in the form that wallets and marketplaces read. */
export interface Attribute {
  traitType: string;
  /** A number that a JavaScript number cannot hold exactly is text here; `valueType` still says 'number'. */
  value: string | number | boolean;
  valueType: 'string' | 'number' | 'boolean' | 'date';
  displayType: string | null;
  maxValue: number | null;
}

/** Where the document says its translations are (ERC-1155). They are kept, not fetched. */
export interface Localization {
  /** With `{locale}` in it. */
  uri: string;
  defaultLocale: string | null;
  locales: string[];
}

/** The metadata of one token as it is written: normalised columns, the document they came from, and its hash. */
export interface TokenMetadata {
  name: string | null;
  description: string | null;
  imageUrl: string | null;
  imageOriginal: string | null;
  animationUrl: string | null;
  animationOriginal: string | null;
  externalUrl: string | null;
  youtubeUrl: string | null;
  /** Six hex digits, lower case, no `#`. */
  backgroundColor: string | null;
  /** ERC-1155: by how many places an amount is shifted when it is shown. */
  decimals: number | null;
  localization: Localization | null;
  attributes: Attribute[];
  /** JSON text that `jsonb` can hold, numbers to the last digit. */
  raw: string;
  /** Equal hashes mean equal documents: the write is skipped and `changedAt` stays. */
  contentHash: string;
  warnings: string[];
}

/** How the URL of a document was found: in a Metadata API, as a token URI that was known, or by asking the contract. */
export type MetadataSourceKind = 'metadata_api' | 'token_uri' | 'chain';

/** A successful fetch, to be written. */
export interface MetadataWrite {
  collectionId: string;
  tokenId: string;
  /** From the database sequence, drawn when the token was claimed. An older fetch never overwrites a newer one. */
  fetchSeq: string;
  /** null: the server said that nothing has changed since the validators we sent. */
  metadata: TokenMetadata | null;
  metadataUrl: string;
  metadataSource: MetadataSourceKind;
  /** With metadata: the server's. Without: those that were sent, and are still true. */
  etag?: string | undefined;
  lastModified?: string | undefined;
  refreshId: string;
}

/** A failed fetch: moves the failure fields of the record and nothing else. */
export interface FailureWrite {
  collectionId: string;
  tokenId: string;
  fetchSeq: string;
  errorCode: string;
  errorReason: string;
  refreshId: string;
}
