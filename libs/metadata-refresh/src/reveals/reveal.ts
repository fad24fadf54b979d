import type { HoldEnd } from '@app/token-store';
import type { QuotaState } from '../metadata-refresh.errors.js';
import type { RequestConditions, WantedTokens } from '../admission/refresh-request.js';

/**
 * `staging`: documents are being fetched, and no reader sees them · `staged`: no token is pending · `publishing`: being written to the
 * records · `published` · `reverting`: the documents that it has replaced are being written again · `reverted` · `cancelled` · `expired`:
 * it was not published in time. In the last two, the documents are gone.
 */
export const REVEAL_STATES = [
  'staging',
  'staged',
  'publishing',
  'published',
  'reverting',
  'reverted',
  'cancelled',
  'expired',
] as const;
export type RevealState = (typeof REVEAL_STATES)[number];

/** When a reveal is published: by a call, when all tokens are processed, or at a time. */
export type RevealPublication = 'manual' | 'when_complete' | { at: Date };

/** What is said of a reveal when it is created. */
export interface RevealPlan {
  /** Default: `manual`. */
  publish?: RevealPublication | undefined;
  /** The part of its tokens, above 0, that must be staged before it can be published. Default: 1, all. */
  minSucceeded?: number | undefined;
  /** It expires if it is not published for so long, unless it is ready and was to be published by itself. 60 seconds to 30 days; default: 24 hours. */
  maxAgeSeconds?: number | undefined;
}

/** A request to stage documents of tokens of one collection. The tokens have to be registered. */
export type RevealRequest = WantedTokens &
  RevealPlan &
  Pick<RequestConditions, 'idempotency' | 'precheck' | 'admit'> & { collectionAddress: string };

/** The promise that the documents are fetched. */
export interface RevealReceipt {
  revealId: string;
  /** The refresh that fetches them. */
  refreshId: string;
  quota: QuotaState;
  /** The receipt of an earlier request with the same idempotency key. */
  isReplayed: boolean;
}

/** A reveal of one project, or of any project for an operator. */
export interface RevealReference {
  revealId: string;
  projectId?: string | undefined;
}

/**
 * Why a reveal was not published when it was to be: `pending`: some of its tokens are not processed · `not_enough_staged`: too many have
 * failed · `failed`: publishing or reverting it has failed several times, because of an error of the service or its database.
 */
export const BLOCKED_REASONS = ['pending', 'not_enough_staged', 'failed'] as const;
export type BlockedReason = (typeof BLOCKED_REASONS)[number];

/** How the tokens of a reveal ended when it was published: the four numbers are those of its staged documents. */
export interface RevealOutcome {
  /** The content of their records changed. */
  updated: number;
  /** They had the document already. */
  unchanged: number;
  /** They keep what a later fetch, a restore or a push had written. */
  superseded: number;
  /** Tokens that are no longer registered. */
  missing: number;
}

/** What became of the records that a reveal had changed when it was reverted. */
export interface RevertOutcome {
  /** They show the document again that the reveal had replaced. */
  restored: number;
  /** They keep what a later fetch, a restore, a push or another reveal has written. */
  changedSince: number;
  /** They keep the document of the reveal, because they had no metadata before. */
  noEarlierVersion: number;
  /** They keep the document of the reveal, because the one before is not kept any more. */
  notKept: number;
  /** They are not registered any more. */
  missing: number;
}

/** How a reveal was reverted. */
export interface Reversion extends RevertOutcome {
  at: string;
  /** The refresh that stands for it, completed, with the trigger `restore`. Its receipt says what became of each token. */
  refreshId: string;
}

/** How many tokens must be staged: one at least. Without the error of a product of fractions: 99 % of 100 is 99. */
export function requiredTokens({ total, minSucceeded }: Pick<Reveal, 'total' | 'minSucceeded'>): number {
  return Math.max(1, Math.ceil(Number((total * minSucceeded).toFixed(6))));
}

/** How a reveal is published by a call. */
export interface PublishOptions {
  /** Then, until the reveal expires. Absent: now. */
  at?: Date | undefined;
  /** As in RevealPlan. Absent: as it was. */
  minSucceeded?: number | undefined;
}

/** How a reveal is reverted. */
export interface RevertOptions {
  /** Refreshes do not overwrite the restored records before. Absent: the next refresh shows what the metadata host serves. */
  holdUntil?: HoldEnd | undefined;
}

/** Tokens of one collection whose documents are fetched ahead and shown together. Times are RFC 3339 in UTC, with microseconds. */
export interface Reveal {
  id: string;
  projectId: string;
  collectionId: string;
  collectionAddress: string;
  /** The refresh that stages it. Its failed tokens can be retried, as those of any refresh. */
  refreshId: string;
  state: RevealState;
  publish: 'manual' | 'when_complete' | 'at';
  /** With `publish: 'at'`. */
  publishAt: string | null;
  minSucceeded: number;
  total: number;
  /** Tokens with a staged document. */
  staged: number;
  /** Tokens that will be fetched: of the refresh or of one of its retries. */
  pending: number;
  /** All others. */
  failed: number;
  /** Whether it can be published: no token is pending, and enough are staged. */
  isReady: boolean;
  /** null: it has not been to be published, or it was. The same for a revert. */
  blocked: { since: string; reason: BlockedReason } | null;
  /** null: it is not published. */
  outcome: RevealOutcome | null;
  /** null: it is not reverted. */
  reverted: Reversion | null;
  createdAt: string;
  expiresAt: string;
  /** When it was published, cancelled, or found to be expired. A revert does not change it. */
  endedAt: string | null;
}
