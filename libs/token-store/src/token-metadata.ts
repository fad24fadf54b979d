/** One trait of a token, in the form that wallets and marketplaces read. */
export interface Attribute {
  traitType: string;
  /** A number that a JavaScript number cannot hold exactly is text; its `valueType` is still 'number'. */
  value: string | number | boolean;
  valueType: 'string' | 'number' | 'boolean' | 'date';
  displayType: string | null;
  maxValue: number | null;
}

/** Where the translations of the document are (ERC-1155). They are stored, not fetched. */
export interface Localization {
  /** Contains `{locale}`. */
  uri: string;
  defaultLocale: string | null;
  locales: string[];
}

/** The metadata of one token as it is written: normalised columns, the source document, and its hash. */
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
  /** ERC-1155: decimal places of a displayed amount. */
  decimals: number | null;
  localization: Localization | null;
  attributes: Attribute[];
  /** JSON text as served, with exact numbers. Operators of `jsonb` accept it, too. */
  raw: string;
  /** Equal hashes mean equal documents: the write is skipped and `changedAt` does not change. */
  contentHash: string;
  warnings: string[];
}

/**
 * Where a document came from: fetched from a Metadata API, from a known token URI or from the URI that the contract returned, or
 * `pushed`: sent by its owner.
 */
export type MetadataSourceKind = 'metadata_api' | 'token_uri' | 'chain' | 'pushed';

/** A successful fetch, or a document that was sent instead, to be written. */
export interface MetadataWrite {
  collectionId: string;
  tokenId: string;
  /** From the database sequence, drawn when the token was claimed. An older fetch never overwrites a newer one. */
  fetchSeq: string;
  /** null: the server responded "not modified" to the validators that we sent. */
  metadata: TokenMetadata | null;
  /** null: it was not fetched. */
  metadataUrl: string | null;
  metadataSource: MetadataSourceKind;
  /** The project that sent the document. Absent: it was fetched. */
  pushedBy?: string | undefined;
  /** With metadata: the validators of the response. Without: those that were sent and are still valid. */
  etag?: string | undefined;
  lastModified?: string | undefined;
  /** The refresh whose source was fetched: the newest one that waited for the token when it was claimed. */
  refreshId: string;
  /** What requested that refresh. It is kept with the version that a changed document makes. Absent: unknown. */
  trigger?: string | undefined;
  /** The `known` of `TokenStore.findStored` when the token was claimed. Absent: the store reads the record first. */
  known?: unknown;
}

/** A failed fetch. It changes the failure fields of the record and nothing else. */
export interface FailureWrite {
  collectionId: string;
  tokenId: string;
  fetchSeq: string;
  errorCode: string;
  errorReason: string;
  refreshId: string;
}
