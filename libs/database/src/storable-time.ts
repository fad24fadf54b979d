/**
 * Whether PostgreSQL reads the ISO text of this time: years 1 to 9999. JavaScript knows others, and writes them with a sign or as the year
 * 0000. RFC 3339 has the years 0000 to 9999, and its zones can lead out of them.
 */
export function isStorableTime(time: Date): boolean {
  return !Number.isNaN(time.getTime()) && /^(?!0000)\d{4}-/.test(time.toISOString());
}
