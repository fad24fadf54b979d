import type { RefreshDetails } from './refresh-reader.js';

/** What the reader of a status should know and can do: sentences for people, who have not read the documentation. */
export function adviceOf(refresh: RefreshDetails): string[] {
  return [...adviceOfState(refresh), ...reasonAdvice(refresh)];
}

/** The part of it that is about the state: why the tokens wait, or will not be fetched. */
export function adviceOfState(refresh: RefreshDetails): string[] {
  const { status, notBefore, begunAt, pausedAt, cancelledAt, cooldown } = refresh;
  if (cancelledAt !== null) return [`The refresh was cancelled at ${cancelledAt}.`];
  if (status === 'completed') return [];
  if (pausedAt !== null) {
    // Without a number, which falls while tokens that were begun are finished: who follows the refresh is told once.
    return [`The refresh was paused at ${pausedAt}: its pending tokens wait until it is resumed.`];
  }
  if (notBefore !== null && begunAt === null) {
    return [
      `The refresh begins at ${notBefore}, or later if the quota of the project has no room for all its tokens then.`,
    ];
  }
  if (cooldown === null) return [];
  return [`The host ${cooldown.host} asked for a pause: the pending tokens are fetched after ${cooldown.until}.`];
}

function reasonAdvice({ reasons }: RefreshDetails): string[] {
  return reasons.map(
    ({ reason, count, exampleTokenId, advice }) =>
      `${tokens(count)} failed with ${reason}, for example token ${exampleTokenId}. ${advice}`,
  );
}

function tokens(count: number): string {
  return count === 1 ? '1 token' : `${count} tokens`;
}
