/** Token ids from one to another, both included. */
export interface IdRange {
  from: bigint;
  to: bigint;
}

/** The largest token id. */
export const MAX_TOKEN_ID = 2n ** 256n - 1n;
/** All tokens of a collection. */
export const ALL_TOKENS: IdRange = { from: 0n, to: MAX_TOKEN_ID };

/** What a log says, in the words of the API and of the tables. */
export type ChainEventKind =
  | 'metadata_update'
  | 'batch_metadata_update'
  | 'uri'
  | 'contract_uri_updated'
  | 'ownership_transferred'
  | 'mint'
  | 'burn'
  | 'traits_updated'
  | 'token_uri_pinned'
  | 'upgraded';

/**
 * What a log asks for. `refresh`: these tokens are fetched again · `mint`: they are registered and fetched for the first time, if the
 * collection discovers mints · `burn`: they no longer exist · `contract`: the record of the collection itself is read again ·
 * `owner`: the same, and only the owner has changed.
 */
export type ChainEventEffect = 'refresh' | 'mint' | 'burn' | 'contract' | 'owner';

/** A log that asks for something. */
export interface ChainEvent {
  kind: ChainEventKind;
  effect: ChainEventEffect;
  /** Empty for `contract` and `owner`. */
  tokens: readonly IdRange[];
}
