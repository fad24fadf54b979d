import { trimText } from './trimmed-text.js';

/** From here on a time is taken for milliseconds: as seconds it would be the year 5138. */
const FIRST_MILLISECONDS = 100_000_000_000;

/** ISO 8601, and what SQL, Go and Ruby print of a time: a blank in place of the T and before the zone, hours alone as the zone. */
const DATE_TEXT =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(?:Z|UTC|([+-]\d{2})(?::?(\d{2}))?(?: UTC)?)?)?$/i;

/** Unix seconds, of a time in seconds, in milliseconds, or written as a date (UTC where it does not say). null: none. */
export function readSeconds(value: string | number): number | null {
  if (typeof value === 'number') return secondsOf(value);
  const text = trimText(value);
  return /^\d{1,13}(?:\.\d{1,9})?$/.test(text) ? secondsOf(Number(text)) : readDate(text);
}

function readDate(text: string): number | null {
  const [, day, time = '00:00', hours = '+00', minutes = '00'] = DATE_TEXT.exec(text) ?? [];
  // Date.parse takes the 30th of February for a day in March.
  if (day === undefined || !new Date(`${day}T00:00Z`).toJSON()?.startsWith(day)) return null;
  const milliseconds = Date.parse(`${day}T${time}${hours}:${minutes}`);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1_000;
}

function secondsOf(time: number): number | null {
  const seconds = Math.abs(time) >= FIRST_MILLISECONDS ? time / 1_000 : time;
  return Math.abs(seconds) < FIRST_MILLISECONDS ? seconds : null;
}
