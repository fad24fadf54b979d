/** A worker that is asking a host. */
export interface HostWorker {
  id: string;
  secondsHere: number;
}

/** Workers look every second; so late, everybody knows of a newcomer. */
const KNOWN_AFTER_SECONDS = 2.5;

/**
 * How many of the requests that a host takes at once are this worker's. All shares together are the limit, without that of
 * a newcomer: it waits until those who were there before have heard of it. `workers` are in the order in which they came.
 */
export function shareOf(workerId: string, workers: readonly HostWorker[], limit: number): number {
  const place = workers.findIndex(({ id }) => id === workerId);
  const isNew = place > 0 && workers[place]!.secondsHere < KNOWN_AFTER_SECONDS;
  if (place === -1 || isNew) return 0;
  return Math.floor(limit / workers.length) + (place < limit % workers.length ? 1 : 0);
}
