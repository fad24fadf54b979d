/** In the format of all times on the wire: RFC 3339, UTC, with microseconds. */
export function toMicroseconds(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
}
