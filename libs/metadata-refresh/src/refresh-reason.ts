import { UNDECODABLE_REASONS, UNREACHABLE_REASONS } from '@app/metadata-fetch';

/** The four public error codes of a token that could not be refreshed, each with the reasons that have a name. */
export const REFRESH_REASONS = {
  unable_to_retrieve_metadata: [
    ...UNREACHABLE_REASONS,
    /** Too many workers died while they held the token. */
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

const NAMED: ReadonlySet<string> = new Set(Object.values(REFRESH_REASONS).flat());

export function isRefreshReason(text: string): text is RefreshReason {
  return NAMED.has(text) || /^status_[1-9][0-9]{2}$/.test(text);
}
