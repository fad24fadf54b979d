import { UNDECODABLE_REASONS, UNREACHABLE_REASONS } from '@app/metadata-fetch';

/** The four public error codes of a token that could not be refreshed, each with the reasons that have a name. */
export const REFRESH_REASONS = {
  unable_to_retrieve_metadata: [
    ...UNREACHABLE_REASONS,
    /** Too many workers died while they had claimed the token. */
    'worker_lost',
  ],
  /** `status_` and the status. */
  invalid_response_status_code: [],
  unable_to_decode_response: [
    ...UNDECODABLE_REASONS,
    /** The database refused a value of the document. */
    'not_storable',
  ],
  token_not_found: [
    /** The contract says that the token does not exist. */
    'contract_reverted',
    'not_registered',
  ],
} as const;

export type RefreshErrorCode = keyof typeof REFRESH_REASONS;
type NamedReason = (typeof REFRESH_REASONS)[RefreshErrorCode][number];
/** Why a token failed: more precise than its error code, and stable. */
export type RefreshReason = NamedReason | `status_${number}`;

export const REFRESH_ERROR_CODES = Object.keys(REFRESH_REASONS) as RefreshErrorCode[];

const STATUS_REASON = /^status_[1-9][0-9]{2}$/;

export function isRefreshReason(text: string): text is RefreshReason {
  return REFRESH_ERROR_CODES.some((errorCode) => isReasonOf(errorCode, text));
}

/** Whether tokens can fail with this error code for this reason. */
export function isReasonOf(errorCode: RefreshErrorCode, reason: string): boolean {
  if (errorCode === 'invalid_response_status_code') return STATUS_REASON.test(reason);
  const named: readonly string[] = REFRESH_REASONS[errorCode];
  return named.includes(reason);
}
