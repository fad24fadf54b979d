import { plural } from './numbers.js';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** Exact to the second below an hour: a countdown, or how long something took. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return joined(whole, MINUTE, 'min', 1, 's');
  if (whole < 2 * DAY) return joined(Math.floor(whole / MINUTE) * MINUTE, HOUR, 'h', MINUTE, 'min');
  return plural(Math.floor(whole / DAY), 'day');
}

/** How long something took that has ended: what is shorter than a second did not take none. */
export function formatTook(seconds: number): string {
  return seconds < 1 ? '< 1 s' : formatDuration(seconds);
}

function joined(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${largeName}`;
  return rest === 0 ? first : `${first} ${rest} ${smallName}`;
}

/** An estimate: no more exact than it is. */
export function formatAbout(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * MINUTE) return `about ${Math.round(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `about ${Math.round(seconds / HOUR)} h`;
  return `about ${Math.round(seconds / DAY)} days`;
}

/** In a narrow column: "4 s", "12 min", "3 h", "5 d". */
export function formatAge(seconds: number): string {
  const past = Math.max(0, seconds);
  if (past < MINUTE) return `${Math.floor(past)} s`;
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  if (past < 2 * DAY) return `${Math.floor(past / HOUR)} h`;
  return `${Math.floor(past / DAY)} d`;
}

/** Below a second, heartbeats differ: "0.4 s ago". */
export function formatAgo(seconds: number): string {
  const past = Math.max(0, seconds);
  if (past < 10) return `${past.toFixed(1)} s ago`;
  return `${formatAge(past)} ago`;
}

/** From `from` to `to`, both as the service writes them. */
export function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', options);
}

const CLOCK = formatter({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
const MINUTES = formatter({ hour: '2-digit', minute: '2-digit' });
const DAY_OF_YEAR = formatter({ day: 'numeric', month: 'short' });
const DATE = formatter({ day: 'numeric', month: 'short', year: 'numeric' });
const EXACT = formatter({ dateStyle: 'long', timeStyle: 'long' });

/** "14:06:40", where the viewer is. */
export function formatClock(time: string): string {
  return CLOCK.format(Date.parse(time));
}

/** "14:06:40" today, "12 Nov, 14:06:40" on other days. */
export function formatClockOn(time: string, now: number): string {
  const date = Date.parse(time);
  return DATE.format(date) === DATE.format(now) ? formatClock(time) : `${dayOf(date, now)}, ${formatClock(time)}`;
}

/** "12 Nov" this year, and the year of others. */
function dayOf(date: number, now: number): string {
  return new Date(date).getFullYear() === new Date(now).getFullYear() ? DAY_OF_YEAR.format(date) : DATE.format(date);
}

/** "14:06". */
export function formatMinute(time: string): string {
  return MINUTES.format(Date.parse(time));
}

/** "14:02" today, "12 Nov, 14:02" this year, and the date before. `now` is the time of the service in ms. */
export function formatWhen(time: string, now: number): string {
  const date = Date.parse(time);
  if (DATE.format(date) === DATE.format(now)) return MINUTES.format(date);
  if (new Date(date).getFullYear() === new Date(now).getFullYear()) {
    return `${DAY_OF_YEAR.format(date)}, ${MINUTES.format(date)}`;
  }
  return DATE.format(date);
}

/** "14:02 today", "12 Nov". */
export function formatDay(time: string, now: number): string {
  const date = Date.parse(time);
  if (DATE.format(date) === DATE.format(now)) return `${MINUTES.format(date)} today`;
  return dayOf(date, now);
}

/** "at 14:02" today, "on 12 Nov at 14:02" on other days. */
export function formatAt(time: string, now: number): string {
  const date = Date.parse(time);
  const at = `at ${MINUTES.format(date)}`;
  return DATE.format(date) === DATE.format(now) ? at : `on ${dayOf(date, now)} ${at}`;
}

/** "at 14:02 today", "on 12 Nov". */
export function formatOnDay(time: string, now: number): string {
  const day = formatDay(time, now);
  return `${day.endsWith('today') ? 'at' : 'on'} ${day}`;
}

/** With date and time zone, for those who point at a time. */
export function formatExact(time: string): string {
  return EXACT.format(Date.parse(time));
}

/** What is known of the tokens that wait. */
export interface Pace {
  pending: number;
  perSecond: number | null;
  /** ISO 8601; null: no cooldown. */
  cooldownUntil: string | null;
}

/** How long it takes: first the cooldown of the host, then the tokens. null: not known. */
export function timeLeft({ pending, perSecond, cooldownUntil }: Pace, now: number) {
  const cooldownSeconds = cooldownUntil === null ? 0 : Math.max(0, Math.ceil((Date.parse(cooldownUntil) - now) / 1000));
  const tokensSeconds = perSecond === null || perSecond <= 0 ? null : pending / perSecond;
  return { cooldownSeconds, tokensSeconds };
}

/** Sentences of the service have times as machines write them: shown as the clock of the viewer, with the day if it is another one. */
export function withLocalTimes(sentence: string, now: number): string {
  return sentence.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (time) => formatClockOn(time, now));
}
