import type { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataChange } from '@app/token-store';

/** A record whose content has changed, and the refreshes that wanted it. */
export interface RecordedChange extends MetadataChange {
  refreshIds: readonly string[];
}

/** A refresh with nothing left to do. */
export interface RecordedCompletion {
  refreshId: string;
  projectId: string;
  collectionId: string;
  total: number;
  succeeded: number;
  failed: number;
}

/**
 * Where a transaction puts down what others are to be told of it. MetadataEventsModule provides one; without it nothing
 * is put down, and no statement is made.
 */
export abstract class EventOutbox {
  /** Inside the transaction that does these things. At most one statement, and none when there is nothing to tell. */
  abstract add(
    em: EntityManager,
    events: { changes?: readonly RecordedChange[]; completions?: readonly RecordedCompletion[] },
  ): Promise<void>;

  /** After the commit: whoever delivers need not wait for the next look. */
  abstract announce(): void;
}
