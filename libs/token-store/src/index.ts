export { TokenStoreModule } from './token-store.module.js';
export type { TokenStoreExtras } from './token-store.module.js';
export { TokenStore } from './token-store.js';
export type {
  KeptAs,
  StoredToken,
  TokenLimit,
  TokenPage,
  TokenPageQuery,
  TokenQuery,
  TraitQuery,
  TraitSummary,
  UpdatedTokensPage,
  UpdatedTokensQuery,
  WriteOptions,
  WriteResult,
  TokenAge,
} from './token-store.js';
export { MAX_RANGES, normalizeSelection, SELECTABLE_STATUSES } from './token-selection.js';
export type { SelectableStatus, TokenIdPage, TokenIdQuery, TokenRange, TokenSelection } from './token-selection.js';
export type { TokenOrder } from './token-order.js';
export type { TokenFilters, TraitRange } from './search/trait-filter.js';
export { TokenSearch } from './search/token-search.js';
export type { FoundPage, PageQuery } from './search/token-search.js';
export { formatPageCursor, parsePageCursor } from './search/page-cursor.js';
export type { OrderColumn, PageOrder } from './search/page-cursor.js';
export { UNNAMED } from './search/name-key.js';
export { toChangeObject, toFieldNames } from './change-object.js';
export type { ChangeObject } from './change-object.js';
export { toTraitsObject } from './traits-object.js';
export type { ChangedField, ChangedTrait, MetadataChange } from './metadata-change.js';
export { previewRecord } from './record-preview.js';
export type { RecordPreview, UnstoredFetch } from './record-preview.js';
export { VersionStore } from './version-store.js';
export type {
  DeletedVersions,
  EndedHold,
  TokenVersion,
  VersionChange,
  VersionDocument,
  KeptDocument,
  VersionLimits,
  VersionPair,
  VersionQuery,
  VersionReference,
} from './version-store.js';
export { StagingStore } from './staging/staging-store.js';
export type { FindingExample, StagedChanges, StagedFinding } from './staging/staged-preview.js';
export type { RevealedVersion, StagedDocument, StagedPageQuery, StagedReveal } from './staging/staging-store.js';
export type { HoldEnd, MetadataStatus, TokenName, TokenRecord, TokenReference } from './token-record.js';
export type {
  Attribute,
  FailureWrite,
  Localization,
  MetadataSourceKind,
  MetadataWrite,
  TokenMetadata,
} from './token-metadata.js';
export { Collection } from './collection.entity.js';
export type { CollectionSource } from './collection.entity.js';
export { Collections } from './collections.js';
export { CollectionProfiles } from './collection-profiles.js';
export type {
  CollectionProfile,
  ContractProfile,
  ProfileChange,
  ProfileDocument,
  StoredProfile,
} from './collection-profiles.js';
export { Stacks, stackKey } from './stacks/stacks.js';
export type { CountedStack, Stack, StackPage, StackQuery } from './stacks/stacks.js';
export { StackWriter } from './stacks/stack-writer.js';
export type { StackContent, StackedToken } from './stacks/stack-writer.js';
export type { ChainQuery, CollectionChange, CollectionQuery, NewCollection } from './collections.js';
export { URI_RULES } from './uri-rules.js';
export { PUSH_POLICIES } from './push-policy.js';
export type { PushPolicy } from './push-policy.js';
export { isTokenId } from './token-id.js';
export {
  CollectionAlreadyExists,
  CollectionFull,
  InvalidCollection,
  InvalidCursor,
  InvalidSelection,
  InvalidTokenId,
  InvalidTraitRange,
  OrderNotSupported,
  PreviewsNotSupported,
  RevealsNotSupported,
  UnknownCollection,
  VersionsNotSupported,
} from './token-store.errors.js';
export { TraitRecount } from './trait-recount.js';
export type { Recount } from './trait-recount.js';
export { tokenStoreMigrations } from './migrations/index.js';
