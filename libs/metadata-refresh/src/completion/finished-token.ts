import type { AttemptRow, FinalToken, FinishedToken } from './chunk-results.js';
import type { ItemResult } from './item-result.js';
import { NOT_REGISTERED } from './token-error.js';
import type { ResultCount } from './refresh-progress.js';
import type { StagedBatch } from '../reveals/reveal-staging.js';
import { VERDICTS, type Verdict } from '../verdict.js';
import type { Written } from './written-records.js';
import type { WriteResult } from '@app/token-store';

/** Results of tokens for which nothing was requested, and which are no failures. */
export const WITHOUT_FETCH: ReadonlySet<ItemResult['status']> = new Set(['coalesced', 'held', 'superseded']);

/** What becomes of a token whose record was written, or was not touched. */
export function toFinishedToken(result: ItemResult, written: Written | undefined): FinishedToken {
  const { item, token } = result;
  const { chunkId, refreshId, claimCount } = item;
  const claim = { chunkId, refreshId, claimCount, tokenId: token.tokenId };
  if (result.status === 'retry') return { ...claim, kind: 'retry', delaySeconds: result.delaySeconds };
  // The response was about another version than the one that is stored now, or a hold has ended: due again at once.
  if (written?.result === 'outdated') return { ...claim, kind: 'requeue', delaySeconds: 0 };
  const attempts = item.attemptCount + Number(!WITHOUT_FETCH.has(result.status));
  const final = { ...claim, kind: 'final', attempts } as const;
  switch (result.status) {
    case 'held':
    case 'succeeded': {
      // `missing`: the token, or its whole collection, was removed while it was fetched.
      const error = written?.result === 'missing' ? NOT_REGISTERED : null;
      return { ...final, verdict: verdictOf(written?.result), metadataVersion: written?.version ?? null, error };
    }
    case 'coalesced': {
      const verdict = result.isChanged ? VERDICTS.updated : VERDICTS.unchanged;
      return { ...final, verdict, metadataVersion: token.metadataVersion ?? null, error: null };
    }
    case 'superseded':
      return { ...final, verdict: VERDICTS.superseded, metadataVersion: token.metadataVersion ?? null, error: null };
    case 'failed':
      return { ...final, verdict: VERDICTS.failed, metadataVersion: null, error: result.error };
  }
}

/** A token of a reveal: nothing was written to its record. */
export function toStagedToken(result: ItemResult, revealId: string, { open }: StagedBatch): FinishedToken {
  const finished = toFinishedToken(result, undefined);
  if (finished.kind !== 'final' || result.status === 'failed') return finished;
  // Drop the document if its reveal no longer accepts documents.
  const verdict = open.has(revealId) ? VERDICTS.staged : VERDICTS.cancelled;
  return { ...finished, verdict, metadataVersion: null, error: null };
}

function verdictOf(written: WriteResult | undefined): Verdict {
  switch (written) {
    case 'changed':
      return VERDICTS.updated;
    case 'unchanged':
      return VERDICTS.unchanged;
    case 'superseded':
      return VERDICTS.superseded;
    case 'held':
      return VERDICTS.held;
    default:
      return VERDICTS.failed;
  }
}

export function toResultCount({ refreshId, verdict, tokenId, error }: FinalToken): ResultCount {
  return { refreshId, verdict, ...(error && { failure: { tokenId, error } }) };
}

export function toAttempts({ item, token, requests }: ItemResult): AttemptRow[] {
  const { collectionId, tokenId } = token;
  const { refreshId, attemptCount } = item;
  return requests.map((request) => ({ ...request, collectionId, tokenId, refreshId, attempt: attemptCount + 1 }));
}
