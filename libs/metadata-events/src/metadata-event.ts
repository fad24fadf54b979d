import type { RecordedChange, RecordedCompletion } from '@app/metadata-refresh';

/** What every event says. */
interface Occurrence {
  /** The same at every delivery, to know an event again that comes twice: the transaction, a hyphen, its place there. */
  id: string;
  /** The database's time of the transaction; for a change, the `changedAt` of the record. */
  occurredAt: Date;
  projectId: string;
  chainId: number;
  /** Lower case. */
  collectionAddress: string;
}

/** A token's record shows something else than before. */
export interface TokenMetadataChanged extends Occurrence, RecordedChange {
  type: 'token.metadata.changed';
}

/** A refresh has nothing left to do: each of its tokens has succeeded or failed. */
export interface RefreshCompleted extends Occurrence, RecordedCompletion {
  type: 'refresh.completed';
}

export type MetadataEvent = TokenMetadataChanged | RefreshCompleted;
export type MetadataEventType = MetadataEvent['type'];
export type MetadataEventOf<Type extends MetadataEventType> = Extract<MetadataEvent, { type: Type }>;

export const METADATA_EVENT_TYPES = [
  'token.metadata.changed',
  'refresh.completed',
] as const satisfies MetadataEventType[];
