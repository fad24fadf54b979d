/** Nobody waits longer than this because one answer said so. */
const LONGEST_SECONDS = 24 * 60 * 60;

/** Seconds to wait, from a number of seconds or an HTTP date; undefined for what is neither, or past. */
export function parseRetryAfter(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? '';
  if (/^[0-9]+$/.test(text)) return Math.min(Number(text), LONGEST_SECONDS);
  // Only the form that HTTP prescribes: Date.parse takes "-5" and "soon 2000" for dates as well.
  if (!/^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/.test(text)) return undefined;
  const seconds = Math.ceil((Date.parse(text) - now.getTime()) / 1000);
  return seconds > 0 ? Math.min(seconds, LONGEST_SECONDS) : undefined;
}
