import { describeDatabaseError, isMigrationMissing } from '@app/database';
import type { AuthenticatedRequest } from '@app/project-auth';
import { ModuleLogger } from '@app/logging';
import { HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { ErrorResponse } from './error-response.js';
import { isDatabaseUnavailable, isSlowStatement } from './database-unavailable.js';
import { setHeaders, type HttpResponse } from './http-response.js';

/** Messages for callers. The log has the exact error. */
const UNAVAILABLE = {
  database: 'The service cannot reach its database now. Try again in a moment.',
  slow: 'The database took too long for this request. Try again in a moment.',
  migrations: 'The migrations of this service have not run in its database yet. Try again when they have.',
};

export type UnavailableReason = keyof typeof UNAVAILABLE;

const UNAVAILABLE_LOG: Record<UnavailableReason, string> = {
  database: 'a request failed because the database is unavailable',
  slow: 'a request failed because a statement took too long',
  migrations: 'a request failed because migrations of nft_metadata are missing',
};
/** A reason that lasts is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/** A database that restarts or is being migrated, like a node, is usually available within seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Translates every error on the routes of a dialect into its error shape. */
export abstract class DialectFilter implements ExceptionFilter {
  private readonly logger = new ModuleLogger(this.constructor.name);
  private readonly loggedAt = new Map<UnavailableReason, number>();

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    await this.reply(error, http.getRequest<AuthenticatedRequest>(), http.getResponse<HttpResponse>());
  }

  /** Also for errors that happen before a controller is chosen. */
  async reply(error: unknown, request: AuthenticatedRequest, response: HttpResponse): Promise<void> {
    const { status, body, headers = {} } = await this.responseOrInternalError(error, request);
    setHeaders(response, headers);
    this.adapterHost.httpAdapter.reply(response, body, status);
  }

  /** The response to an error that the caller caused; null for other errors. */
  protected abstract responseTo(error: unknown, request: AuthenticatedRequest): Promise<ErrorResponse | null>;
  protected abstract internalError(): ErrorResponse;
  /** The response while the service is temporarily unavailable. */
  protected abstract unavailableResponse(why: UnavailableReason, message: string): ErrorResponse;

  private async responseOrInternalError(error: unknown, request: AuthenticatedRequest): Promise<ErrorResponse> {
    const errors = [error];
    try {
      const response = await this.responseTo(error, request);
      if (response) return response.status === 503 ? withRetryAfter(response) : response;
    } catch (second) {
      errors.push(second);
    }
    const response = this.responseToFault(reasonOf(error));
    for (const one of errors) this.log(one, response);
    return response;
  }

  private responseToFault(why: UnavailableReason | null): ErrorResponse {
    if (!why) return this.internalError();
    return withRetryAfter(this.unavailableResponse(why, UNAVAILABLE[why]));
  }

  private log(error: unknown, { traceId }: ErrorResponse): void {
    const why = reasonOf(error);
    if (why) return this.logUnavailable(why, error);
    this.logger.error({
      msg: 'a request failed because of an error in the service',
      ...(traceId !== undefined && { traceId }),
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  /** Without a stack, since no code is wrong, and not for each request. */
  private logUnavailable(why: UnavailableReason, error: unknown): void {
    const now = performance.now();
    if (now - (this.loggedAt.get(why) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.loggedAt.set(why, now);
    this.logger.error({
      msg: UNAVAILABLE_LOG[why],
      error: describeDatabaseError(error),
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }
}

function withRetryAfter(response: ErrorResponse): ErrorResponse {
  return { ...response, headers: { 'retry-after': String(RETRY_AFTER_SECONDS), ...response.headers } };
}

/** Why the service is unavailable; null for errors of other kinds. */
function reasonOf(error: unknown): UnavailableReason | null {
  if (isMigrationMissing(error)) return 'migrations';
  if (isSlowStatement(error)) return 'slow';
  return isDatabaseUnavailable(error) ? 'database' : null;
}

/** The message of an HttpException. Joins the messages of a list. */
export function textOf(error: HttpException): string {
  const response = error.getResponse();
  const message = typeof response === 'object' && 'message' in response ? response.message : response;
  return Array.isArray(message) ? message.join('; ') : typeof message === 'string' ? message : error.message;
}
