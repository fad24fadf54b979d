import { requiredTokens, type Reveal } from '@app/metadata-refresh';
import type { RefreshNames } from '../refreshes/refreshes.presenter.js';
import type { RevealDetails, Reveal as ListedReveal } from '../wire/reveal.schema.js';

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
