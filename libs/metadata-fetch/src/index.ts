export { MetadataFetchModule } from './metadata-fetch.module.js';
export type { MetadataFetchExtras } from './metadata-fetch.module.js';
export type { MetadataFetchOptions } from './metadata-fetch.options.js';
export { MEDIA_INSTEAD_OF_DOCUMENT } from './media-document.js';
export { MessageSender } from './message-sender.js';
export type { Message, SendOutcome } from './message-sender.js';
export { MetadataFetcher } from './metadata-fetcher.js';
export { CollectionsMetadataSource, MetadataSource } from './metadata-source.js';
export type { Located } from './metadata-source.js';
export type { NoTokenUri } from './contract-reader.js';
export type { TokenUri, UriRule } from './uri-rule.js';
export type { FetchTarget, MetadataLocation } from './metadata-fetcher.js';
export type {
  FailedRequest,
  FetchOutcome,
  FetchTrace,
  UndecodableReason,
  UnreachableReason,
  Validators,
} from './fetch-outcome.js';
export type { FetchedAttribute, FetchedMetadata } from './fetched-metadata.js';
