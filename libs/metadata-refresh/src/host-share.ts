/** A worker that is asking a host. */
export interface HostWorker {
  id: string;
  secondsHere: number;
}

/** Requests that a worker may have open at a host; 0: others have all that it takes. `later`: none yet. */
export type Share = number | 'later';

/** Workers look every second; so late, everybody knows of a newcomer. */
const KNOWN_AFTER_SECONDS = 2.5;

/**
 * How many of the requests that a host takes at once are this worker's. All shares together are the limit, without that of
 * a newcomer: it waits until those who were there before have heard of it. `workers` are in the order in which they came.
 */
export function shareOf(workerId: string, workers: readonly HostWorker[], limit: number): Share {
  const place = workers.findIndex(({ id }) => id === workerId);
  if (place === -1) return 'later';
  const share = Math.floor(limit / workers.length) + (place < limit % workers.length ? 1 : 0);
  const isNew = place > 0 && workers[place]!.secondsHere < KNOWN_AFTER_SECONDS;
  return isNew && share > 0 ? 'later' : share;
}
