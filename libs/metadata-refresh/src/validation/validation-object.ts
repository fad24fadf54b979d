import { toChangeObject, type ChangeObject } from '@app/token-store';
import type { AttemptedRequest } from '../completion/item-result.js';
import type { Cooldown } from '../receipt/refresh-reader.js';
import type { RefreshErrorCode } from '../refresh-reason.js';
import type { TokenValidation, Validation, ValidationVerdict } from './validation.js';

/** A validation for programs: in responses and files. Without the records, which a response adds as text. */
export interface ValidationObject {
  collection_address: string;
  verdicts: Record<ValidationVerdict, number>;
  cooldown: Cooldown | null;
  tokens: ValidatedTokenObject[];
}

interface ValidatedTokenObject extends ChangeObject {
  token_id: string;
  verdict: ValidationVerdict;
  requests: ReturnType<typeof toRequestObject>[];
  error_code: RefreshErrorCode | null;
  reason: string | null;
  advice: string | null;
  retried_by_refresh: boolean;
  response_body: string | null;
  warnings: { code: string; message: string }[];
}

export function toValidationObject({ collectionAddress, verdicts, cooldown, tokens }: Validation): ValidationObject {
  return { collection_address: collectionAddress, verdicts, cooldown, tokens: tokens.map(toTokenObject) };
}

function toTokenObject(token: TokenValidation): ValidatedTokenObject {
  const { error, noResult } = token;
  return {
    token_id: token.tokenId,
    verdict: token.verdict,
    requests: token.requests.map(toRequestObject),
    error_code: error?.errorCode ?? null,
    reason: error?.reason ?? noResult?.reason ?? null,
    advice: error?.advice ?? noResult?.advice ?? null,
    retried_by_refresh: error?.isRetriedByRefresh ?? false,
    response_body: error?.body ?? null,
    warnings: [...token.warnings],
    ...toChangeObject(token),
  };
}

function toRequestObject(request: AttemptedRequest) {
  const { url, redirects = [], outcome, statusCode, reason, durationMs, bytes } = request;
  return { url, redirects: [...redirects], outcome, status_code: statusCode, reason, duration_ms: durationMs, bytes };
}
