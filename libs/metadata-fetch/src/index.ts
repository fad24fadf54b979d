export { MetadataFetchModule } from './metadata-fetch.module.js';
export type { MetadataFetchExtras } from './metadata-fetch.module.js';
export { metadataFetchOptions } from './metadata-fetch.options.js';
export type { MetadataFetchOptions } from './metadata-fetch.options.js';
export { MEDIA_INSTEAD_OF_DOCUMENT } from './document/media-document.js';
export { describeWarning, METADATA_WARNINGS } from './document/metadata-warnings.js';
export { fieldsOfWarning } from './document/warning-fields.js';
export type { MetadataWarning } from './document/metadata-warnings.js';
export { MetadataFetcher } from './metadata-fetcher.js';
export { CollectionsMetadataSource, MetadataSource } from './metadata-source.js';
export type { Located } from './metadata-source.js';
export { CollectionFetcher } from './collection-fetcher.js';
export type { CollectionFetch } from './collection-fetcher.js';
export type { CollectionDocument } from './document/collection-document.js';
export type { ContractDetails } from './chain/contract-details.js';
export { ChainRpc } from './chain/chain-rpc.js';
export { ContractOwners } from './chain/contract-owners.js';
export type { OwnershipVerdict } from './chain/contract-owners.js';
export { ContractTokens, TokensNotEnumerable } from './chain/contract-tokens.js';
export type { NotEnumerableReason } from './chain/contract-tokens.js';
export { ContractSignatures } from './chain/contract-signatures.js';
export { JsonRpc } from './chain/json-rpc.js';
export type { NoTokenUri } from './chain/contract-reader.js';
export type { RpcCall, RpcResult } from './chain/rpc-node.js';
export type { TokenUri, UriRule } from './uri/uri-rule.js';
export { PushedDocuments } from './document/pushed-documents.js';
export type { PushedDocument } from './document/pushed-document.js';
export { MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE, PictureFetcher } from './picture/picture-fetcher.js';
export type { PictureOutcome } from './picture/picture-fetcher.js';
export type { PictureType } from './picture/picture-type.js';
export { documentPatch } from './document/document-patch.js';
export type { FetchTarget, MetadataLocation } from './metadata-fetcher.js';
export type { StoredDocument } from './document/stored-document.js';
export { UNDECODABLE_REASONS, UNREACHABLE_REASONS } from './fetch-outcome.js';
export type {
  FailedRequest,
  FetchOutcome,
  FetchTrace,
  UndecodableReason,
  UnreachableReason,
  Validators,
} from './fetch-outcome.js';
export type { FetchedAttribute, FetchedMetadata } from './document/fetched-metadata.js';
