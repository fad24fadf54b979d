import { requiredTokens, type LintFinding, type Reveal, type RevealChanges } from '@app/metadata-refresh';
import { toFieldNames } from '@app/token-store';
import type { RefreshNames } from '../refreshes/refreshes.presenter.js';
import type { RevealChanges as ChangesBody, RevealDetails, Reveal as ListedReveal } from '../wire/reveal.schema.js';

export function toReveal(reveal: Reveal, { projectOf, collectionOf }: RefreshNames): ListedReveal {
  const { id, refreshId, state, publish, publishAt, minSucceeded, total, staged, pending, failed, isReady } = reveal;
  return {
    id,
    project: projectOf(reveal.projectId),
    collection: collectionOf(reveal.collectionId, reveal.collectionAddress),
    refreshId,
    state,
    publish,
    publishAt,
    minSucceeded,
    required: requiredTokens(reveal),
    total,
    staged,
    pending,
    failed,
    isReady,
    blocked: reveal.blocked && { ...reveal.blocked },
    outcome: reveal.outcome && { ...reveal.outcome },
    reverted: reveal.reverted && { ...reveal.reverted },
    createdAt: reveal.createdAt,
    expiresAt: reveal.expiresAt,
    endedAt: reveal.endedAt,
  };
}

export function toChanges({ asOf, fields, ...counts }: RevealChanges): NonNullable<ChangesBody['changes']> {
  return {
    ...counts,
    asOf: asOf.toISOString(),
    fields: Object.entries(fields)
      .filter(([, tokens]) => tokens > 0)
      .map(([field, tokens]) => ({ field: toFieldNames([field])[0]!, tokens }))
      .toSorted((one, other) => other.tokens - one.tokens),
  };
}

export function toFindings(findings: readonly LintFinding[]): NonNullable<ChangesBody['findings']> {
  return findings.map(({ code, message, count, examples }) => ({
    code,
    message,
    count,
    examples: examples.map(({ tokens, tokenIds, traitTypes, values }) => ({ tokens, tokenIds, traitTypes, values })),
  }));
}

/** What the service would not refuse in this state. It checks again. */
export function actionsOn(
  { state, isReady, pending, staged, outcome }: Reveal,
  mayAct: boolean,
): RevealDetails['reveal']['actions'] {
  const isOpen = mayAct && (state === 'staging' || state === 'staged');
  return {
    publish: isOpen && isReady,
    publishAnyway: isOpen && !isReady && pending === 0 && staged > 0,
    cancel: isOpen,
    revert: mayAct && state === 'published' && outcome !== null && outcome.updated > 0,
  };
}
