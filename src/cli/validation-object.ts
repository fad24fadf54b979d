import type { TokenValidation, Validation } from '@app/metadata-refresh';
import { toChangeObject } from '@app/token-store';

/** A validation as printed with --json: that of `POST /v1/metadata-refreshes/validate`, without the records. */
export function toValidationObject({ collectionAddress, verdicts, cooldown, tokens }: Validation) {
  return { collection_address: collectionAddress, verdicts, cooldown, tokens: tokens.map(toTokenObject) };
}

function toTokenObject(token: TokenValidation) {
  const { error, noResult } = token;
  return {
    token_id: token.tokenId,
    verdict: token.verdict,
    requests: token.requests.map(({ statusCode, durationMs, redirects = [], ...request }) => {
      return { ...request, redirects, status_code: statusCode, duration_ms: durationMs };
    }),
    error_code: error?.errorCode ?? null,
    reason: error?.reason ?? noResult?.reason ?? null,
    advice: error?.advice ?? noResult?.advice ?? null,
    retried_by_refresh: error?.isRetriedByRefresh ?? false,
    response_body: error?.body ?? null,
    warnings: token.warnings,
    ...toChangeObject(token),
  };
}
