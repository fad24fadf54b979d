import { connection } from '../data/api.js';
import { serverTime, useServerTime } from '../data/clock.js';
import { isPaused, queryClient } from '../data/queries.js';
import { useStore } from '../data/store.js';
import { formatAge, formatClock } from '../text/times.js';

/** How fresh the page is. A click pauses the updates, so that nothing moves while somebody reads. */
export function LiveButton() {
  const { heardAt, isLost } = useStore(connection);
  const paused = useStore(isPaused);
  useServerTime();
  const age = heardAt === null ? null : (performance.now() - heardAt) / 1000;
  const [state, text] = paused
    ? ['paused', 'Updates paused']
    : isLost && heardAt === null
      ? ['stale', 'Not heard yet, trying again']
      : isLost
        ? ['stale', `Last heard ${formatClock(new Date(serverTime() - age! * 1000).toISOString())}, trying again`]
        : ['fresh', age === null ? 'Connecting' : `Updated ${formatAge(age)} ago`];
  const toggle = () => {
    isPaused.set(!paused);
    if (paused) void queryClient.invalidateQueries();
  };
  const label = paused ? 'Continue live updates' : 'Pause live updates';
  return (
    <button type="button" class={`live ${state}`} title={label} aria-label={`${text}. ${label}`} onClick={toggle}>
      <i />
      <span>{text}</span>
    </button>
  );
}
