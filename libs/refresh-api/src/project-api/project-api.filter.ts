import {
  CollectionAmbiguous,
  CollectionNotOwned,
  QuotaExceeded,
  RefreshNotFound,
  SourceNotSupported,
} from '@app/metadata-refresh';
import { NotAuthenticated } from '@app/project-auth';
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { setHeaders, type HttpResponse } from '../http-response.js';
import { InvalidRequest } from './project-api.errors.js';
import { toLimitHeaders } from './project-api.presenter.js';

interface Answer {
  status: number;
  body: { code: string; message: string; details?: string };
  headers?: Record<string, string>;
}

/** Every error of this dialect, in its one shape: `code` is what a client can switch on. */
@Catch()
export class ProjectApiFilter implements ExceptionFilter {
  private readonly logger = new Logger('ProjectApi');

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<HttpResponse>();
    const { status, body, headers = {} } = this.toAnswer(error);
    setHeaders(response, headers);
    this.adapterHost.httpAdapter.reply(response, body, status);
  }

  private toAnswer(error: unknown): Answer {
    if (error instanceof InvalidRequest) return answer(400, 'input_validation_failed', error);
    if (error instanceof CollectionAmbiguous) return answer(400, 'collection_ambiguous', error);
    if (error instanceof SourceNotSupported) return answer(400, 'source_not_supported', error);
    if (error instanceof NotAuthenticated) {
      return { status: 401, body: { code: 'unauthorized', message: error.message, details: error.reason } };
    }
    if (error instanceof CollectionNotOwned) return answer(403, 'forbidden', error);
    if (error instanceof RefreshNotFound) return answer(404, 'refresh_not_found', error);
    if (error instanceof QuotaExceeded) return tooMany(error);
    if (error instanceof HttpException) {
      return { status: error.getStatus(), body: { code: `http_${error.getStatus()}`, message: error.message } };
    }
    this.logger.error({ msg: 'a request failed', error: error instanceof Error ? error.message : String(error) });
    return {
      status: 500,
      body: { code: 'internal_server_error', message: 'The request failed here, not through a fault of its own.' },
    };
  }
}

function answer(status: number, code: string, { message }: Error): Answer {
  return { status, body: { code, message } };
}

/** Code and message are the guide's; what they do not say is in `details`. */
function tooMany(error: QuotaExceeded): Answer {
  const seconds = Math.max(1, Math.ceil((error.quota.resetsAt.getTime() - Date.now()) / 1000));
  return {
    status: 429,
    body: { code: 'refresh_limit_exceeded', message: 'Refresh limit exceeded', details: error.message },
    headers: { ...toLimitHeaders(error.quota), 'retry-after': String(seconds) },
  };
}
