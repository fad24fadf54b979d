import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The form is `nft_`, prefix, `_`, secret, checksum. The prefix is public; secret scanners find the key by `nft_`. */
const FORMAT = /^nft_([0-9a-f]{12})_([0-9A-Za-z_-]{32})([0-9a-f]{8})$/;

export interface NewApiKey {
  key: string;
  prefix: string;
  hash: Buffer;
}

/** 192 random bits: enough that a plain SHA-256 of it cannot be searched, so no slow hash is needed. */
export function generateApiKey(): NewApiKey {
  const prefix = randomBytes(6).toString('hex');
  const body = `nft_${prefix}_${randomBytes(24).toString('base64url')}`;
  const key = body + checksum(body);
  return { key, prefix, hash: hashApiKey(key) };
}

/** False for a key that was mistyped or truncated, so that it costs no look-up. */
export function isWellFormedApiKey(key: string): boolean {
  return FORMAT.test(key) && checksum(key.slice(0, -8)) === key.slice(-8);
}

export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
