import { trimText } from '@app/metadata-uri';

/** From here on a number is in milliseconds: in seconds it would be the year 5138. */
const MIN_MILLISECONDS = 100_000_000_000;

/** ISO 8601, and the formats of SQL, Go and Ruby: a space instead of T and before the zone, a zone of hours alone. */
const DATE_TEXT =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?) ?(?:Z|UTC|([+-]\d{2})(?::?(\d{2}))?(?: UTC)?)?)?$/i;

/** Unix seconds from a number in seconds or milliseconds, or from a date (UTC without a zone). null: not a time. */
export function readSeconds(value: string | number): number | null {
  if (typeof value === 'number') return secondsOf(value);
  const text = trimText(value);
  return /^\d{1,13}(?:\.\d{1,9})?$/.test(text) ? secondsOf(Number(text)) : readDate(text);
}

function readDate(text: string): number | null {
  const [, day, time = '00:00', hours = '+00', minutes = '00'] = DATE_TEXT.exec(text) ?? [];
  // Date.parse turns 30 February into a day in March.
  if (day === undefined || !new Date(`${day}T00:00Z`).toJSON()?.startsWith(day)) return null;
  const milliseconds = Date.parse(`${day}T${time}${hours}:${minutes}`);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1_000;
}

function secondsOf(time: number): number | null {
  const seconds = Math.abs(time) >= MIN_MILLISECONDS ? time / 1_000 : time;
  return Math.abs(seconds) < MIN_MILLISECONDS ? seconds : null;
}
