import { MIGRATION_HINT, isMigrationMissing } from '@app/database';
import type { AuthenticatedRequest } from '@app/project-auth';
import { HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Answer } from './answer.js';
import { isDatabaseUnavailable, isSlowStatement } from './database-unavailable.js';
import { setHeaders, type HttpResponse } from './http-response.js';

/** What callers are told. Why exactly is in the log. */
const AWAY = {
  database: 'The service cannot reach its database now. Ask again in a moment.',
  slow: 'The database took too long for this request. Ask again in a moment.',
  migrations: 'The migrations of this service have not run in its database yet. Ask again once they have.',
};

export type AwayReason = keyof typeof AWAY;

/** A database that restarts is back soon, and so is one that is being migrated. */
const RETRY_AFTER_SECONDS = '5';

/** Gives every error on our routes the shape of its dialect. */
export abstract class DialectFilter implements ExceptionFilter {
  private readonly logger = new Logger(this.constructor.name);

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    await this.reply(error, http.getRequest<AuthenticatedRequest>(), http.getResponse<HttpResponse>());
  }

  /** Also for errors that happen before a controller is chosen. */
  async reply(error: unknown, request: AuthenticatedRequest, response: HttpResponse): Promise<void> {
    const { status, body, headers = {} } = await this.answerOrFault(error, request);
    setHeaders(response, headers);
    this.adapterHost.httpAdapter.reply(response, body, status);
  }

  /** null: not an error that a caller has to do with. */
  protected abstract answerTo(error: unknown, request: AuthenticatedRequest): Promise<Answer | null>;
  protected abstract internalError(): Answer;
  /** The service cannot do its work now, for a reason that ends without the caller. */
  protected abstract answerWhileAway(why: AwayReason, message: string): Answer;

  private async answerOrFault(error: unknown, request: AuthenticatedRequest): Promise<Answer> {
    try {
      const answer = await this.answerTo(error, request);
      if (answer) return answer;
      this.log(error);
    } catch (second) {
      this.log(error);
      this.log(second);
    }
    const why = reasonOf(error);
    if (!why) return this.internalError();
    return { ...this.answerWhileAway(why, AWAY[why]), headers: { 'retry-after': RETRY_AFTER_SECONDS } };
  }

  private log(error: unknown): void {
    this.logger.error({
      msg: isMigrationMissing(error)
        ? `a request failed because migrations of nft_metadata are missing. ${MIGRATION_HINT}`
        : 'a request failed through a fault of the service',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

/** Why the service cannot do its work now; null: for none of these reasons. */
function reasonOf(error: unknown): AwayReason | null {
  if (isMigrationMissing(error)) return 'migrations';
  if (isSlowStatement(error)) return 'slow';
  return isDatabaseUnavailable(error) ? 'database' : null;
}

/** The text of an HttpException, in one line also where Nest has a list of them. */
export function textOf(error: HttpException): string {
  const response = error.getResponse();
  const message = typeof response === 'object' && 'message' in response ? response.message : response;
  return Array.isArray(message) ? message.join('; ') : typeof message === 'string' ? message : error.message;
}
