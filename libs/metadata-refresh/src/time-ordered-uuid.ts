import { randomFillSync } from 'node:crypto';

/**
 * A UUID of version 7: 48 bits of the time in milliseconds, then random bits. Rows of later refreshes are inserted at the end of
 * their indexes, whose pages are then full and few.
 */
export function timeOrderedUuid(now = Date.now()): string {
  const bytes = Buffer.alloc(16);
  randomFillSync(bytes, 6);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
