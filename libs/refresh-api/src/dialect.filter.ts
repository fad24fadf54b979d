import { HOW_TO_MIGRATE, isSchemaBehind } from '@app/database';
import type { AuthenticatedRequest } from '@app/project-auth';
import { HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Answer } from './answer.js';
import { isDatabaseAway } from './database-trouble.js';
import { setHeaders, type HttpResponse } from './http-response.js';

/** What callers are told. Why exactly is in the log. */
export const AWAY = {
  database: 'The service cannot reach its database now. Ask again in a moment.',
  migrations: 'The migrations of this service have not run in its database yet. Ask again once they have.',
};

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
  protected abstract answerToFault(): Answer;
  /** The service cannot do its work now, for a reason that ends without the caller. */
  protected abstract answerWhileAway(why: keyof typeof AWAY): Answer;

  private async answerOrFault(error: unknown, request: AuthenticatedRequest): Promise<Answer> {
    try {
      const answer = await this.answerTo(error, request);
      if (answer) return answer;
      this.log(error);
    } catch (second) {
      this.log(error);
      this.log(second);
    }
    const why = isSchemaBehind(error) ? 'migrations' : isDatabaseAway(error) ? 'database' : null;
    if (!why) return this.answerToFault();
    return { ...this.answerWhileAway(why), headers: { 'retry-after': RETRY_AFTER_SECONDS } };
  }

  private log(error: unknown): void {
    this.logger.error({
      msg: isSchemaBehind(error)
        ? `a request failed because migrations of nft_metadata are missing. ${HOW_TO_MIGRATE}`
        : 'a request failed through a fault of the service',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}

/** The text of an HttpException, in one line also where Nest has a list of them. */
export function textOf(error: HttpException): string {
  const response = error.getResponse();
  const message = typeof response === 'object' && 'message' in response ? response.message : response;
  return Array.isArray(message) ? message.join('; ') : typeof message === 'string' ? message : error.message;
}
