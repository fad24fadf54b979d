/** The longest wait that a response can ask for. */
const MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60;
/** From here on, a number is a Unix time: as a delay it would be 31 years, as a time it is in 2001. */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MILLISECONDS = 1e12;

/** By lower-case name. */
type Headers = Readonly<Record<string, string | undefined>>;

/**
 * How many seconds a response asks the client to wait; undefined if it does not say. `Retry-After` takes precedence over the
 * rate limit headers: `RateLimit` and `RateLimit-Reset` of the IETF drafts, `X-RateLimit-Reset` and `X-Rate-Limit-Reset`.
 * A limit with remaining requests is ignored, since it did not cause the response.
 */
export function readRetryAfterSeconds(headers: Headers, now: Date): number | undefined {
  return (
    parseRetryAfter(headers['retry-after'], now) ??
    parseRateLimit(headers['ratelimit']) ??
    FAMILIES.map((family) => parseReset(headers, family, now)).find((seconds) => seconds !== undefined)
  );
}

/** Seconds to wait, from a number of seconds or an HTTP date; undefined for anything else and for the past. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? '';
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text), MAX_RETRY_AFTER_SECONDS);
  const time = parseHttpDate(text);
  return time === null ? undefined : secondsUntil(time, now);
}

const DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
/** The format that HTTP prescribes, and the two obsolete ones that a recipient must accept: RFC 850 and asctime. */
const DATES = [
  /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/,
  new RegExp(`^${DAY}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9:]{8} GMT$`),
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}$/,
];

/** Milliseconds since 1970. Accepts only these formats: Date.parse reads "-5" and "soon 2000" as dates too. */
function parseHttpDate(text: string): number | null {
  if (!DATES.some((format) => format.test(text))) return null;
  // asctime has no zone and means GMT.
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
 * Reads `"minute";r=0;t=12, "day";r=90;t=3600`, or in an older draft `limit=10, remaining=0, reset=12`. If several limits
 * are exhausted, the last one to reset counts.
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
