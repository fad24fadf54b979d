import type { EntityManager } from '@mikro-orm/postgresql';
import { createParamDecorator, Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerGuard, type ThrottlerRequest } from '@nestjs/throttler';
import { projectOf, type AuthenticatedRequest } from './current-project.decorator.js';
import { PostgresThrottlerStorage } from './postgres-throttler-storage.js';
import { RequestRateExceeded } from './project-auth.errors.js';
import { RequestRate } from './request-rate.js';

const WINDOW_MS = 1000;
const COUNT_REQUEST = Symbol('CountRequest');

interface ThrottledRequest {
  [COUNT_REQUEST]?: CountRequest;
}

export interface CountRequest {
  /** Counts the request, in the transaction of `em` if one is given. Throws RequestRateExceeded. */
  (em?: EntityManager): Promise<void>;
  /** Throws RequestRateExceeded if the project has used up its second and the guard has not checked that yet. Counts nothing. */
  check(): Promise<void>;
}

/**
 * Lets the handler check the rate of requests that have this header, by `CountRequest.check`: such a request may turn out to be free.
 */
export const ChecksRequestRateWith = Reflector.createDecorator<string>();

/**
 * Limits the requests per second of each project. Use it after a guard that finds the project. The guard refuses a project
 * that has used up its second, with one look-up. It does not count requests, because only the handler knows which ones are
 * accepted, and invalid and refused requests are free. The handler gets the throttler's count as `@RequestCounter()` and
 * calls it inside the transaction that accepts the request. Options and storage are our own: a ThrottlerModule of the host
 * application is not touched.
 */
@Injectable()
export class RequestRateGuard extends ThrottlerGuard {
  constructor(
    @Inject(RequestRate) private readonly rate: RequestRate,
    @Inject(PostgresThrottlerStorage) private readonly storage: PostgresThrottlerStorage,
    reflector: Reflector,
  ) {
    const limit = (context: ExecutionContext) => rate.limitOf(projectOf(context));
    const throttlers = [{ name: 'nft-refresh-requests', ttl: WINDOW_MS, limit, setHeaders: false }];
    const getTracker = (_: unknown, context: ExecutionContext) => projectOf(context).id;
    const generateKey = (_: ExecutionContext, tracker: string) => tracker;
    super({ throttlers, getTracker, generateKey }, storage, reflector);
  }

  protected override async handleRequest(throttled: ThrottlerRequest): Promise<boolean> {
    const { context, ttl, limit } = throttled;
    const check = async () => {
      const { isBlocked } = await this.storage.peek(projectOf(context).id, ttl, limit);
      if (isBlocked) await this.throwThrottlingException(context);
    };
    const count = async () => void (await super.handleRequest(throttled));
    const request = context.switchToHttp().getRequest<AuthenticatedRequest & ThrottledRequest>();
    const header = this.reflector.get(ChecksRequestRateWith, context.getHandler()) as string | undefined;
    const isLater = header !== undefined && request.headers[header] !== undefined;
    if (!isLater) await check();
    request[COUNT_REQUEST] = Object.assign(
      (em?: EntityManager) => (em ? this.storage.inTransaction(em, count) : count()),
      { check: isLater ? check : async () => {} },
    );
    return true;
  }

  protected override async throwThrottlingException(context: ExecutionContext): Promise<void> {
    throw new RequestRateExceeded(this.rate.limitOf(projectOf(context)));
  }
}

/** The CountRequest of this request. Only on routes with RequestRateGuard. */
export const RequestCounter = createParamDecorator((_: unknown, context: ExecutionContext): CountRequest => {
  const count = context.switchToHttp().getRequest<ThrottledRequest>()[COUNT_REQUEST];
  if (!count) throw new Error('@RequestCounter() needs RequestRateGuard on the route.');
  return count;
});
