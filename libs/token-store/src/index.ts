export { TokenStoreModule } from './token-store.module.js';
export type { TokenStoreExtras } from './token-store.module.js';
export { TokenStore } from './token-store.js';
export type { StoredValidators, TokenLimit, TokenQuery, TraitQuery, TraitSummary, WriteResult } from './token-store.js';
export type { ChangedField, ChangedTrait, MetadataChange } from './metadata-change.js';
export type { MetadataStatus, TokenRecord, TokenReference } from './token-record.js';
export type {
  Attribute,
  FailureWrite,
  Localization,
  MetadataSourceKind,
  MetadataWrite,
  TokenMetadata,
} from './token-metadata.js';
export { Collection, URI_RULES } from './collection.entity.js';
export type { CollectionSource } from './collection.entity.js';
export { Collections } from './collections.js';
export type { CollectionChange, CollectionQuery, NewCollection } from './collections.js';
export { isTokenId } from './token-id.js';
export {
  CollectionAlreadyExists,
  CollectionFull,
  InvalidCollection,
  InvalidTokenId,
  UnknownCollection,
} from './token-store.errors.js';
export { inTransaction } from './transaction.js';
export { TraitRecount } from './trait-recount.js';
export type { Recount } from './trait-recount.js';
export { tokenStoreMigrations } from './migrations/index.js';
