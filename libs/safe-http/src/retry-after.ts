/** Nobody waits longer than this because one answer said so. */
const MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60;
/** As a number of seconds this is 31 years; as a time it is in 2001. */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MILLISECONDS = 1e12;

/** By lower-case name. */
type Headers = Readonly<Record<string, string | undefined>>;

/**
 * How many seconds an answer asks to be left alone for; undefined if it does not say. `Retry-After` counts before what is
 * said of a rate limit: `RateLimit` and `RateLimit-Reset` of the IETF's drafts, `X-RateLimit-Reset` and
 * `X-Rate-Limit-Reset`. Of a limit of which something is left, nothing is asked: it is not what stands in the way.
 */
export function readRetryAfterSeconds(headers: Headers, now: Date): number | undefined {
  return (
    parseRetryAfter(headers['retry-after'], now) ??
    parseRateLimit(headers['ratelimit']) ??
    FAMILIES.map((family) => parseReset(headers, family, now)).find((seconds) => seconds !== undefined)
  );
}

/** Seconds to wait, from a number of seconds or an HTTP date; undefined for what is neither, or past. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? '';
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text), MAX_RETRY_AFTER_SECONDS);
  const time = parseHttpDate(text);
  return time === null ? undefined : secondsUntil(time, now);
}

const DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
/** The form that HTTP prescribes, and the two obsolete ones that a recipient has to take: RFC 850's and asctime's. */
const DATES = [
  /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/,
  new RegExp(`^${DAY}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9:]{8} GMT$`),
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}$/,
];

/** Milliseconds since 1970. Only these forms: Date.parse takes "-5" and "soon 2000" for dates as well. */
function parseHttpDate(text: string): number | null {
  if (!DATES.some((form) => form.test(text))) return null;
  // asctime's has no zone, and means GMT as well.
  const time = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(time) ? null : time;
}

function secondsUntil(time: number, now: Date): number | undefined {
  const seconds = Math.ceil((time - now.getTime()) / 1000);
  return seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) : undefined;
}

const FAMILIES = ['ratelimit', 'x-ratelimit', 'x-rate-limit'];

function parseReset(headers: Headers, family: string, now: Date): number | undefined {
  const remaining = headers[`${family}-remaining`]?.trim() ?? '';
  if (/^[0-9]*[1-9]/.test(remaining)) return undefined;
  const text = headers[`${family}-reset`]?.trim() ?? '';
  if (!/^[0-9]{1,16}(\.[0-9]{1,9})?$/.test(text)) return parseRetryAfter(text, now);
  const number = Number(text);
  if (number >= FIRST_EPOCH_MILLISECONDS) return secondsUntil(number, now);
  if (number >= FIRST_EPOCH_SECONDS) return secondsUntil(number * 1000, now);
  return Math.min(Math.ceil(number), MAX_RETRY_AFTER_SECONDS);
}

/**
 * `"minute";r=0;t=12, "day";r=90;t=3600`, or in an older draft `limit=10, remaining=0, reset=12`. Of several limits that
 * are used up, the last one to reset.
 */
function parseRateLimit(value: string | undefined): number | undefined {
  const text = (value ?? '').replaceAll(/"[^"]*"/g, '');
  const limits = /(?:^|[\s,])reset=/.test(text) ? [text] : text.split(',');
  const waits = limits.flatMap((limit) => {
    const remaining = /(?:^|[\s,;])(?:r|remaining)=([0-9]{1,15})/.exec(limit)?.[1] ?? '0';
    const reset = /(?:^|[\s,;])(?:t|reset)=([0-9]{1,15})/.exec(limit)?.[1];
    return reset === undefined || Number(remaining) > 0 ? [] : [Number(reset)];
  });
  return waits.length === 0 ? undefined : Math.min(Math.max(...waits), MAX_RETRY_AFTER_SECONDS);
}
