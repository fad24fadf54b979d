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

  /**
   * Runs an attempt to sign in; null: it has failed. It is counted before it begins, or guesses at the same moment would not be limited.
   * One that succeeds does not count. Throws Refused.
   */
  async attempt<Result>(address: string, work: () => Promise<Result | null>): Promise<Result | null> {
    const limits = [
      [keyOf(address), MAX_FAILURES],
      [ALL, MAX_FAILURES_OF_ALL],
    ] as const;
    const counted: string[] = [];
    let hasFailed = false;
    try {
      for (const [key, max] of limits) {
        const { isBlocked, timeToBlockExpire } = await this.storage.increment(key, WINDOW_MS, max);
        if (isBlocked) throw tooMany(Math.max(1, timeToBlockExpire));
        counted.push(key);
      }
      const result = await work();
      hasFailed = result === null;
      return result;
    } finally {
      if (!hasFailed) for (const key of counted) await this.storage.takeBack(key);
    }
  }
}

function tooMany(seconds: number): Refused {
  return new Refused(
    429,
    'too_many_sign_ins',
    `Too many attempts to sign in have failed: try again in ${seconds} seconds.`,
    { 'retry-after': String(seconds) },
  );
}

function keyOf(address: string): string {
  // A client has a whole /64 of IPv6.
  const network =
    isIPv6(address) && !address.includes('.')
      ? new URL(`http://[${address.split('%', 1)[0]}]`).hostname.split(':').slice(0, 4).join(':')
      : address;
  return `${ALL} ${createHash('sha256').update(network).digest().readUInt16BE() % BUCKETS}`;
}
