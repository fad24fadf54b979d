import { useServerTime } from '../data/clock.js';
import { formatAge, formatAgo, formatAt, formatDuration, formatExact, formatWhen } from '../text/times.js';

interface Props {
  at: string;
}

/** "4 s": how long it is since, by the clock of the service. */
export function Age({ at }: Props) {
  const now = useServerTime();
  return <time {...exact(at)}>{formatAge((now - Date.parse(at)) / 1000)}</time>;
}

/** "0.4 s ago". */
export function Ago({ at }: Props) {
  const now = useServerTime();
  return <time {...exact(at)}>{formatAgo((now - Date.parse(at)) / 1000)}</time>;
}

/** "14:02", with the day if it is another one. */
export function When({ at }: Props) {
  const now = useServerTime();
  return <time {...exact(at)}>{formatWhen(at, now)}</time>;
}

/** "at 14:02", with the day if it is another one: in a sentence. */
export function At({ at }: Props) {
  const now = useServerTime();
  return <time {...exact(at)}>{formatAt(at, now)}</time>;
}

/** "26 s", until then. */
export function Countdown({ until }: { until: string }) {
  const now = useServerTime();
  return <time {...exact(until)}>{formatDuration(secondsUntil(until, now))}</time>;
}

/** "in 26 s", and "now" from then on. */
export function Due({ at }: Props) {
  const now = useServerTime();
  const seconds = secondsUntil(at, now);
  return <time {...exact(at)}>{seconds === 0 ? 'now' : `in ${formatDuration(seconds)}`}</time>;
}

export function secondsUntil(until: string, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(until) - now) / 1000));
}

function exact(at: string) {
  return { dateTime: at, title: formatExact(at) };
}
