import type { Reveal, Reversion } from './reveal.js';

/** A reveal, for programs: in responses and on the command line. */
export function toRevealObject(reveal: Reveal) {
  const { publish, publishAt, total, staged, failed, pending } = reveal;
  return {
    reveal_id: reveal.id,
    refresh_id: reveal.refreshId,
    collection_address: reveal.collectionAddress,
    state: reveal.state,
    publish: publish === 'at' ? { at: publishAt! } : publish,
    min_succeeded: reveal.minSucceeded,
    summary: { total, staged, failed, pending },
    is_ready: reveal.isReady,
    blocked: reveal.blocked,
    outcome: reveal.outcome,
    reverted: reveal.reverted && toReverted(reveal.reverted),
    created_at: reveal.createdAt,
    expires_at: reveal.expiresAt,
    ended_at: reveal.endedAt,
  };
}

function toReverted({ at, refreshId, restored, changedSince, noEarlierVersion, notKept, missing }: Reversion) {
  return {
    at,
    refresh_id: refreshId,
    restored,
    changed_since: changedSince,
    no_earlier_version: noEarlierVersion,
    not_kept: notKept,
    missing,
  };
}
