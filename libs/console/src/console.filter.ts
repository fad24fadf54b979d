import { randomUUID } from 'node:crypto';
import {
  CollectionAmbiguous,
  CollectionBusy,
  CollectionNotFound,
  CollectionNotOwned,
  NothingToRetry,
  QuotaExceeded,
  ReadsBusy,
  RefreshAlreadyCompleted,
  RefreshCancelled,
  RefreshNotFound,
  InvalidReveal,
  OwnershipUnavailable,
  RevealEnded,
  RevealInProgress,
  RevealNotFound,
  RevealNotReady,
  RevealNotRevertible,
  SelectionEmpty,
  SelectionTooLarge,
  SourceNotSupported,
  TokensNotFound,
  TooManyTokensToValidate,
  TokensPerRequestExceeded,
  ValidationsRunning,
  VersionNotFound,
  VersionNotKept,
} from '@app/metadata-refresh';
import { requestId } from '@app/logging';
import { WebhookNotFound, WebhookTestRunning } from '@app/metadata-events';
import { ApiKeyNotFound, InvalidProject, ProjectNotFound } from '@app/project-auth';
import { DialectFilter, textOf, type ErrorResponse } from '@app/refresh-api';
import { InvalidCursor, InvalidSelection, InvalidTokenId, UnknownCollection } from '@app/token-store';
import { Catch, HttpException, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ZodError, z } from 'zod';
import { NOT_OUR_PAGE, notFound, Refused } from './console.errors.js';
import { consoleHeaders } from './headers.js';
import type { ConsoleError } from './wire/error.schema.js';

/** What another project has is not there. */
const NOT_FOUND: readonly Type<Error>[] = [
  RefreshNotFound,
  RevealNotFound,
  CollectionNotFound,
  CollectionNotOwned,
  TokensNotFound,
  VersionNotFound,
  UnknownCollection,
  WebhookNotFound,
  ProjectNotFound,
  ApiKeyNotFound,
];

/** Their messages are for callers of the API, and right for people as well. */
const WITH_MESSAGE: readonly [Type<Error>, Refused['status'], code: string][] = [
  [RefreshAlreadyCompleted, 409, 'conflict'],
  [RefreshCancelled, 409, 'conflict'],
  [NothingToRetry, 409, 'conflict'],
  [RevealEnded, 409, 'conflict'],
  [RevealInProgress, 409, 'conflict'],
  [RevealNotReady, 409, 'conflict'],
  [RevealNotRevertible, 409, 'conflict'],
  [InvalidReveal, 400, 'invalid_request'],
  [VersionNotKept, 409, 'conflict'],
  [SourceNotSupported, 409, 'conflict'],
  [CollectionAmbiguous, 409, 'conflict'],
  [WebhookTestRunning, 409, 'conflict'],
  [QuotaExceeded, 429, 'limit_reached'],
  [ValidationsRunning, 429, 'limit_reached'],
  [TooManyTokensToValidate, 400, 'invalid_request'],
  [TokensPerRequestExceeded, 400, 'invalid_request'],
  [SelectionEmpty, 409, 'conflict'],
  [SelectionTooLarge, 400, 'invalid_request'],
  [InvalidSelection, 400, 'invalid_request'],
  [InvalidTokenId, 400, 'invalid_request'],
  [InvalidCursor, 400, 'invalid_request'],
  [InvalidProject, 400, 'invalid_request'],
  [ReadsBusy, 503, 'busy'],
  [CollectionBusy, 503, 'busy'],
  [OwnershipUnavailable, 503, 'busy'],
];

/** Why a request of a person is refused; null for errors that are the fault of the service. */
export function refusalOf(error: unknown): Refused | null {
  if (error instanceof Refused) return error;
  if (error instanceof ZodError) {
    return new Refused(
      400,
      'invalid_request',
      z.prettifyError(error).replaceAll(/^✖ /gm, '').replaceAll(/\n\s*/g, ' '),
    );
  }
  if (NOT_FOUND.some((known) => error instanceof known)) return notFound();
  const [, status, code] = WITH_MESSAGE.find(([known]) => error instanceof known) ?? [];
  return status && code ? new Refused(status, code, (error as Error).message) : null;
}

/** Translates every error of the console's endpoints. */
@Catch()
export class ConsoleFilter extends DialectFilter {
  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
  }

  protected override async responseTo(error: unknown): Promise<ErrorResponse | null> {
    const refusal = refusalOf(error);
    if (refusal) return toResponse(refusal.status, refusal.code, refusal.message, refusal.headers);
    if (!(error instanceof HttpException)) return null;
    const status = error.getStatus();
    // Fastify refuses other bodies than JSON before any guard does.
    if (status === 415) return toResponse(403, 'forbidden', NOT_OUR_PAGE);
    return status >= 500 && status !== 503
      ? null
      : toResponse(status, CODES[status] ?? 'invalid_request', textOf(error));
  }

  protected override internalError(): ErrorResponse {
    return toResponse(500, 'internal_error', 'This failed because of an error in the service. Its log says which.');
  }

  protected override unavailableResponse(_why: unknown, message: string): ErrorResponse {
    return toResponse(503, 'database_unavailable', message);
  }
}

const CODES: Readonly<Record<number, string>> = {
  401: 'not_signed_in',
  403: 'forbidden',
  404: 'not_found',
  429: 'limit_reached',
  503: 'busy',
};

function toResponse(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ErrorResponse {
  // Files have none.
  const id = requestId() ?? randomUUID();
  const body: ConsoleError = { code, message, requestId: id };
  return { status, body, headers: { ...consoleHeaders('api'), ...headers }, traceId: id };
}
