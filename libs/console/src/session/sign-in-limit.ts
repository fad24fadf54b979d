import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { PostgresThrottlerStorage } from '@app/project-auth';
import { Injectable } from '@nestjs/common';
import { Refused } from '../console.errors.js';

const WINDOW_MS = 60_000;
const MAX_FAILURES_OF_ALL = 60;
const MAX_FAILURES = 5;
/** Each key has a row that stays: so addresses share that many. */
const BUCKETS = 4096;
const ALL = 'console sign-in';

/** Limits guesses: failed sign-ins of one client address, and of all together, over all processes. */
@Injectable()
export class SignInLimit {
  constructor(private readonly storage: PostgresThrottlerStorage) {}

  /** Throws Refused. */
  async check(address: string): Promise<void> {
    const records = [
      await this.storage.peek(keyOf(address), WINDOW_MS, MAX_FAILURES),
      await this.storage.peek(ALL, WINDOW_MS, MAX_FAILURES_OF_ALL),
    ];
    const blocked = records.filter(({ isBlocked }) => isBlocked);
    if (blocked.length === 0) return;
    const seconds = Math.max(1, ...blocked.map(({ timeToBlockExpire }) => timeToBlockExpire));
    throw new Refused(
      429,
      'too_many_sign_ins',
      `Too many attempts to sign in have failed: try again in ${seconds} seconds.`,
      { 'retry-after': String(seconds) },
    );
  }

  async countFailure(address: string): Promise<void> {
    await this.storage.increment(keyOf(address), WINDOW_MS, MAX_FAILURES);
    await this.storage.increment(ALL, WINDOW_MS, MAX_FAILURES_OF_ALL);
  }
}

function keyOf(address: string): string {
  // A client has a whole /64 of IPv6.
  const network =
    isIPv6(address) && !address.includes('.')
      ? new URL(`http://[${address.split('%', 1)[0]}]`).hostname.split(':').slice(0, 4).join(':')
      : address;
  return `${ALL} ${createHash('sha256').update(network).digest().readUInt16BE() % BUCKETS}`;
}
