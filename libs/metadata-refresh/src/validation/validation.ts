import type { ChangedField, ChangedTrait } from '@app/token-store';
import type { AttemptedRequest } from '../completion/item-result.js';
import type { QuotaState } from '../metadata-refresh.errors.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import type { Cooldown } from '../receipt/refresh-reader.js';
import type { ShownRecord } from '../shown-record.js';

/**
 * What a refresh would do with a token. The first five are verdicts of a refresh. `superseded`, `held`: its document is good, but no
 * fetch replaces the record now; what is said of the document is said as if one did. `not_tried`: its host was in cooldown, or had no
 * turn for it in time. `not_finished`: its fetch was still running at the time limit.
 */
export const VALIDATION_VERDICTS = [
  'updated',
  'unchanged',
  'superseded',
  'held',
  'failed',
  'not_tried',
  'not_finished',
] as const;
export type ValidationVerdict = (typeof VALIDATION_VERDICTS)[number];

/** Why a token has no result. */
export type NoResultReason = 'cooldown' | 'host_busy' | 'time_limit' | 'shutdown' | 'internal_error';

/** Why a token would fail. */
export interface ValidationError {
  errorCode: RefreshErrorCode;
  reason: string;
  /** One sentence: what the owner of the Metadata API can do. */
  advice: string;
  /** Whether a refresh would try again before the token fails. A validation tries once. */
  isRetriedByRefresh: boolean;
  /** The beginning of the response body, untrusted text; null without a complete response. */
  body: string | null;
}

/** One validated token. Nothing of it is stored. */
export interface TokenValidation extends ShownRecord {
  tokenId: string;
  verdict: ValidationVerdict;
  /** In order, the one that determined the verdict last; without URLs that were never requested. */
  requests: readonly AttemptedRequest[];
  /** Of a failed token, else null. */
  error: ValidationError | null;
  /** Of a token without a result, else null. */
  noResult: { reason: NoResultReason; advice: string } | null;
  /** What is unusual about the document, each with one sentence. */
  warnings: readonly { code: string; message: string }[];
  /** What would change, as a `token.metadata.changed` event reports it. */
  changedFields: readonly ChangedField[];
  traitsAdded: readonly ChangedTrait[];
  traitsRemoved: readonly ChangedTrait[];
  /** false: there were too many traits for the two lists. */
  hasAllTraits: boolean;
}

/** What a refresh of some tokens would do. */
export interface Validation {
  collectionAddress: string;
  tokens: TokenValidation[];
  /** How many tokens have each verdict. */
  verdicts: Record<ValidationVerdict, number>;
  /** The cooldown of the metadata host after the validation; null: none. */
  cooldown: Cooldown | null;
}

/** A validation that was charged to a project. */
export interface ChargedValidation extends Validation {
  quota: QuotaState;
}
