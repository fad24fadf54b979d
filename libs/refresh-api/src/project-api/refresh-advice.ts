import type { RefreshDetails } from '@app/metadata-refresh';

/** What the reader of a status should know and can do next: sentences for people, who have not read the documentation. */
export function toAdvice(refresh: RefreshDetails): string[] {
  return [...stateAdvice(refresh), ...reasonAdvice(refresh), ...whereToLook(refresh)];
}

function stateAdvice({ status, notBefore, pausedAt, cancelledAt, cooldown, pending }: RefreshDetails): string[] {
  if (cancelledAt !== null) return [`The refresh was cancelled at ${cancelledAt}.`];
  if (status === 'completed') return [];
  if (pausedAt !== null) return [`The refresh is paused: ${tokens(pending)} wait until it is resumed.`];
  if (status === 'queued' && notBefore !== null) return [`The refresh is scheduled for ${notBefore}.`];
  if (cooldown === null) return [];
  return [`The host ${cooldown.host} asked for a pause: the pending tokens are fetched after ${cooldown.until}.`];
}

function reasonAdvice({ reasons }: RefreshDetails): string[] {
  return reasons.map(
    ({ reason, count, exampleTokenId, advice }) =>
      `${tokens(count)} failed with ${reason}, for example token ${exampleTokenId}. ${advice}`,
  );
}

function whereToLook({ verdicts, failed }: RefreshDetails): string[] {
  const lines = [];
  if (verdicts.updated > 0)
    lines.push('To see what changed in each token, add /tokens?verdict=updated to the URL of this refresh.');
  if (failed > 0) lines.push('To see each token that failed, add /tokens?verdict=failed to the URL of this refresh.');
  return lines;
}

function tokens(count: number): string {
  return count === 1 ? '1 token' : `${count} tokens`;
}
