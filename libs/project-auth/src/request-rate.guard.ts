import { Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerGuard, type ThrottlerStorage } from '@nestjs/throttler';
import { projectOf } from './current-project.decorator.js';
import { RequestRateExceeded } from './project-auth.errors.js';
import { RequestRate, WINDOW_MS } from './request-rate.js';
import { FixedWindowCounter } from './fixed-window-counter.js';

/**
 * Turns away early what RequestRate.count would refuse: a project that has used up its second costs one look-up. Stands
 * after a guard that finds the project. A throttler of our own, with options and storage that nobody else sees: the
 * host's is not touched.
 */
@Injectable()
export class RequestRateGuard extends ThrottlerGuard {
  constructor(
    @Inject(RequestRate) private readonly rate: RequestRate,
    @Inject(FixedWindowCounter) windows: FixedWindowCounter,
    reflector: Reflector,
  ) {
    const limit = (context: ExecutionContext) => rate.limitOf(projectOf(context));
    const throttlers = [{ name: 'nft-refresh-requests', ttl: WINDOW_MS, limit, setHeaders: false }];
    const key = { getTracker: async (_: unknown, context: ExecutionContext) => projectOf(context).id };
    super(
      { throttlers, ...key, generateKey: (_context: ExecutionContext, tracker: string) => tracker },
      lookingInto(windows),
      reflector,
    );
  }

  protected override async throwThrottlingException(context: ExecutionContext): Promise<void> {
    throw new RequestRateExceeded(this.rate.limitOf(projectOf(context)));
  }
}

/** Nothing is counted here: whether a request is accepted, and counted, is known only at its end. */
function lookingInto(windows: FixedWindowCounter): ThrottlerStorage {
  return {
    async increment(key, ttl, limit) {
      const totalHits = await windows.read(key, ttl);
      const isBlocked = totalHits >= limit;
      return { totalHits, timeToExpire: ttl / 1000, isBlocked, timeToBlockExpire: isBlocked ? ttl / 1000 : 0 };
    },
  };
}
