import type { AttemptedRequest, TokenValidation, Validation } from '@app/metadata-refresh';
import { toChangeObject } from '@app/token-store';
import type { z } from 'zod';
import { toTokenBody } from '../token-api/token-api.presenter.js';
import type { validationSchema } from './validation-api.schemas.js';

type Body = z.output<typeof validationSchema>;
type Token = Body['tokens'][number];

/** JSON text that contains the documents unparsed, since parsing would round their numbers. */
export function toValidationBody({ collectionAddress, verdicts, cooldown, tokens }: Validation): string {
  const fields: Omit<Body, 'tokens'> = { collection_address: collectionAddress, verdicts, cooldown };
  return `${JSON.stringify(fields).slice(0, -1)},"tokens":[${tokens.map(toTokenText).join(',')}]}`;
}

function toTokenText(token: TokenValidation): string {
  const { error, noResult, record } = token;
  const fields: Omit<Token, 'record'> = {
    token_id: token.tokenId,
    verdict: token.verdict,
    requests: token.requests.map(toRequest),
    error_code: error?.errorCode ?? null,
    reason: error?.reason ?? noResult?.reason ?? null,
    advice: error?.advice ?? noResult?.advice ?? null,
    retried_by_refresh: error?.isRetriedByRefresh ?? false,
    response_body: error?.body ?? null,
    warnings: [...token.warnings],
    ...toChangeObject(token),
    omitted: token.omitted,
  };
  const recordText = record ? toTokenBody(record, token.document) : 'null';
  return `${JSON.stringify(fields).slice(0, -1)},"record":${recordText}}`;
}

function toRequest(request: AttemptedRequest): Token['requests'][number] {
  const { url, redirects = [], outcome, statusCode, reason, durationMs, bytes } = request;
  return { url, redirects: [...redirects], outcome, status_code: statusCode, reason, duration_ms: durationMs, bytes };
}
