/** A worker that sends requests to a host. */
export interface HostWorker {
  id: string;
  secondsSinceJoin: number;
}

/** Requests that a worker may have open at a host; 0: other workers have all of its limit. `pending`: none yet. */
export type Share = number | 'pending';

/** Heartbeats are sent every second: after this time, every worker knows of a new one. */
const JOIN_DELAY_SECONDS = 2.5;

/**
 * The share of this worker in the concurrency limit of a host. All shares add up to the limit; a new worker waits until
 * the others have reduced theirs. `workers` are in the order in which they joined.
 */
export function shareOf(workerId: string, workers: readonly HostWorker[], limit: number): Share {
  const index = workers.findIndex(({ id }) => id === workerId);
  if (index === -1) return 'pending';
  const share = Math.floor(limit / workers.length) + (index < limit % workers.length ? 1 : 0);
  const isNew = index > 0 && workers[index]!.secondsSinceJoin < JOIN_DELAY_SECONDS;
  return isNew && share > 0 ? 'pending' : share;
}
