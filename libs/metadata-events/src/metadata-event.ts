import type { ProfileChange } from '@app/token-store';
import type {
  RecordedBlock,
  RecordedChange,
  RecordedCompletion,
  RecordedPublication,
  RecordedReversion,
} from '@app/metadata-refresh';

/** The fields of every event. */
interface Occurrence {
  /** The same at every delivery, so that receivers recognize duplicates: transaction, hyphen, index in the transaction. */
  id: string;
  /** When the transaction started, by the database's clock; for a change, the `changedAt` of the record. */
  occurredAt: Date;
  projectId: string;
  chainId: number;
  /** Lower case. */
  collectionAddress: string;
}

/** The content of a token's record has changed. */
export interface TokenMetadataChanged extends Occurrence, RecordedChange {
  type: 'token.metadata.changed';
}

/** A refresh is completed: each of its tokens has succeeded or failed. */
export interface RefreshCompleted extends Occurrence, RecordedCompletion {
  type: 'refresh.completed';
}

/** The record of a collection itself has changed. */
export interface CollectionMetadataChanged extends Occurrence, ProfileChange {
  type: 'collection.metadata.changed';
}

/** A reveal is published: the changes of its tokens come before. */
export interface RevealPublished extends Occurrence, RecordedPublication {
  type: 'reveal.published';
}

/** A reveal is reverted: the changes of its tokens come before. */
export interface RevealReverted extends Occurrence, RecordedReversion {
  type: 'reveal.reverted';
}

/** A reveal was to be published or reverted, and was not. */
export interface RevealBlocked extends Occurrence, RecordedBlock {
  type: 'reveal.blocked';
}

/** An event about a token, a refresh, a collection or a reveal. */
export type MetadataEvent =
  | TokenMetadataChanged
  | RefreshCompleted
  | CollectionMetadataChanged
  | RevealPublished
  | RevealReverted
  | RevealBlocked;
/** The name of an event type. */
export type MetadataEventType = MetadataEvent['type'];
/** The events of one type. */
export type MetadataEventOf<Type extends MetadataEventType> = Extract<MetadataEvent, { type: Type }>;

/** All event types. */
export const METADATA_EVENT_TYPES = [
  'token.metadata.changed',
  'refresh.completed',
  'collection.metadata.changed',
  'reveal.published',
  'reveal.reverted',
  'reveal.blocked',
] as const satisfies MetadataEventType[];
