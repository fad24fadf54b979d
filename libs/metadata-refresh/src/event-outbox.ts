import type { EntityManager } from '@mikro-orm/postgresql';
import type { MetadataChange, ProfileChange } from '@app/token-store';
import type { BlockedReason, RevealOutcome, RevertOutcome } from './reveals/reveal.js';
import type { RefreshTrigger } from './refresh-trigger.js';
import type { VerdictCounts } from './verdict.js';

/** A record whose content has changed, and the refreshes that requested it. */
export interface RecordedChange extends MetadataChange {
  refreshIds: readonly string[];
}

/** A refresh that is completed. */
export interface RecordedCompletion {
  refreshId: string;
  projectId: string;
  collectionId: string;
  trigger: RefreshTrigger;
  total: number;
  /** All verdicts but `failed` and `cancelled`. */
  succeeded: number;
  failed: number;
  cancelled: number;
  verdicts: VerdictCounts;
}

/** A reveal whose records are written, or that could not be published or reverted when it was to be. */
export interface RecordedReveal {
  revealId: string;
  /** The refresh that staged it. */
  refreshId: string;
  projectId: string;
  collectionId: string;
  /** Tokens of the reveal. */
  total: number;
  /** Those with a staged document. */
  staged: number;
}

/** A reveal is published. How many of its records ended in which way: see `RevealOutcome`. */
export interface RecordedPublication extends RecordedReveal, RevealOutcome {
  type: 'reveal.published';
}

/** A reveal is reverted. How many of the records that it had changed ended in which way: see `RevertOutcome`. */
export interface RecordedReversion extends RecordedReveal, RevertOutcome {
  type: 'reveal.reverted';
  /** The refresh that stands for it, whose receipt says what became of each token. */
  revertRefreshId: string;
}

/** A reveal was to be published or reverted, and was not. */
export interface RecordedBlock extends RecordedReveal {
  type: 'reveal.blocked';
  failed: number;
  pending: number;
  minSucceeded: number;
  reason: BlockedReason;
}

/**
 * Writes events in the transaction that causes them (transactional outbox). MetadataEventsModule provides it; without it
 * no events are written.
 */
export abstract class EventOutbox {
  /** Call inside the transaction. Runs at most one statement, and none without events. */
  abstract add(
    em: EntityManager,
    events: {
      changes?: readonly RecordedChange[];
      completions?: readonly RecordedCompletion[];
      /** Records of collections that have changed. */
      collections?: readonly ProfileChange[];
      reveals?: readonly (RecordedPublication | RecordedReversion | RecordedBlock)[];
    },
  ): Promise<void>;

  /** Call after the commit: wakes the delivery before its next poll. */
  abstract announce(): void;
}
