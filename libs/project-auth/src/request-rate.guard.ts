import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerGuard } from '@nestjs/throttler';
import { catchError, from, map, type Observable } from 'rxjs';
import { projectOf } from './current-project.decorator.js';
import { RequestRateExceeded } from './project-auth.errors.js';
import { RequestRate } from './request-rate.js';
import { RequestWindows } from './request-windows.js';

const WINDOW_MS = 1000;

/**
 * Counts a project's requests, for all processes together; throws RequestRateExceeded. Stands after a guard that finds
 * the project. A throttler of our own, with options and storage that nobody else sees: the host's is not touched.
 */
@Injectable()
export class RequestRateGuard extends ThrottlerGuard {
  constructor(
    @Inject(RequestRate) private readonly rate: RequestRate,
    @Inject(RequestWindows) windows: RequestWindows,
    reflector: Reflector,
  ) {
    const limit = (context: ExecutionContext) => rate.limitOf(projectOf(context));
    const throttlers = [{ name: 'nft-refresh-requests', ttl: WINDOW_MS, limit, setHeaders: false }];
    super(
      { throttlers, getTracker: (_, context) => projectOf(context).id, generateKey: (_, tracker) => tracker },
      windows,
      reflector,
    );
  }

  protected override async throwThrottlingException(
    context: ExecutionContext,
    { timeToBlockExpire }: { timeToBlockExpire: number },
  ): Promise<void> {
    throw new RequestRateExceeded(this.rate.limitOf(projectOf(context)), timeToBlockExpire);
  }
}

/** The other half of RequestRateGuard: a request that fails after it was counted gives its place back. */
@Injectable()
export class RequestRateGiveBack implements NestInterceptor {
  constructor(private readonly windows: RequestWindows) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      catchError((error: unknown) =>
        from(this.windows.giveBack(projectOf(context).id, WINDOW_MS)).pipe(
          map(() => {
            throw error;
          }),
        ),
      ),
    );
  }
}
