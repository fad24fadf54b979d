import type { QuotaState, TokenValidation, Validation as ValidatedTokens } from '@app/metadata-refresh';
import type { z } from 'zod';
import { adviceOn } from '../advice.js';
import { toChange, toQuota } from '../refreshes/refreshes.presenter.js';
import { shownDocument } from '../tokens/document-text.js';
import type { Validation } from '../wire/validation.schema.js';
import type { collectionNameSchema } from '../wire/values.schema.js';

interface ValidationFacts {
  now: Date;
  collection: z.output<typeof collectionNameSchema>;
  /** null: it was not charged. */
  quota: QuotaState | null;
}

export function toValidation(validation: ValidatedTokens, { now, collection, quota }: ValidationFacts): Validation {
  const { verdicts, cooldown, tokens } = validation;
  return {
    now: now.toISOString(),
    collection,
    verdicts: { ...verdicts },
    warnings: countWarnings(tokens),
    cooldown,
    tokens: tokens.map(toValidatedToken),
    quota: quota && toQuota(quota),
  };
}

/** Only tokens with a document have warnings. The most frequent first. */
function countWarnings(tokens: readonly TokenValidation[]): Validation['warnings'] {
  const counts = new Map<string, Validation['warnings'][number]>();
  for (const { code, message } of tokens.flatMap(({ warnings }) => warnings)) {
    counts.set(code, { code, message, tokens: (counts.get(code)?.tokens ?? 0) + 1 });
  }
  return [...counts.values()].toSorted((one, other) => other.tokens - one.tokens);
}

function toValidatedToken(token: TokenValidation): Validation['tokens'][number] {
  const { tokenId, verdict, error, noResult, record, document, omitted, warnings } = token;
  return {
    ...toChange(token),
    tokenId,
    verdict,
    requests: token.requests.map(({ url, redirects = [], outcome, statusCode, reason, durationMs, bytes }) => {
      return { url, redirects: [...redirects], outcome, statusCode, reason, durationMs, bytes };
    }),
    error: error && {
      ...adviceOn(error.errorCode, error.reason),
      errorCode: error.errorCode,
      reason: error.reason,
      isRetriedByRefresh: error.isRetriedByRefresh,
      body: error.body,
    },
    noResult: noResult && { ...noResult },
    warnings: warnings.map(({ code, message }) => ({ code, message })),
    name: record?.name ?? null,
    imageUrl: record?.imageUrl ?? null,
    document: document === null ? null : shownDocument(document),
    omitted,
  };
}
