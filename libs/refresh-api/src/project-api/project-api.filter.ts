import {
  CollectionAmbiguous,
  CollectionBusy,
  CollectionNotFound,
  CollectionNotOwned,
  HoldNotFound,
  InvalidHold,
  IdempotencyKeyReused,
  InvalidReveal,
  InvalidSchedule,
  MetadataRefreshService,
  NothingToRetry,
  OwnershipUnavailable,
  QuotaExceeded,
  RefreshAlreadyCompleted,
  RefreshCancelled,
  RefreshNotFound,
  ReadsBusy,
  RevealDocumentsDeleted,
  RevealEnded,
  RevealInProgress,
  RevealNotFound,
  RevealNotReady,
  RevealNotRevertible,
  ScheduledRefreshesExceeded,
  SelectionEmpty,
  SelectionTooLarge,
  SourceNotSupported,
  TokensPerRequestExceeded,
  TokenNotInReveal,
  TokensNotFound,
  TooManyTokensToValidate,
  ValidationsRunning,
  VersionNotFound,
  VersionNotKept,
  type QuotaState,
} from '@app/metadata-refresh';
import { CALLING_PROJECT, NotAuthenticated, RequestRateExceeded, type AuthenticatedRequest } from '@app/project-auth';
import {
  CollectionFull,
  InvalidCollection,
  InvalidSelection,
  PreviewsNotSupported,
  RevealsNotSupported,
  UnknownCollection,
  VersionsNotSupported,
} from '@app/token-store';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { z } from 'zod';
import type { ErrorResponse } from '../error-response.js';
import { DialectFilter, textOf, type UnavailableReason } from '../dialect.filter.js';
import { InvalidRequest } from '../invalid-request.js';
import { ResourceNotFound } from '../resource-not-found.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { toLimitHeaders } from './project-api.presenter.js';
import type { ErrorCode, errorBodySchema } from './project-api.responses.js';

/** Errors of the project API: clients can switch on `code`. */
@Catch()
export class ProjectApiFilter extends DialectFilter {
  constructor(
    adapterHost: HttpAdapterHost,
    private readonly refreshes: MetadataRefreshService,
  ) {
    super(adapterHost);
  }

  protected override async responseTo(error: unknown, request: AuthenticatedRequest): Promise<ErrorResponse | null> {
    if (error instanceof InvalidCollection) return errorResponse(400, 'input_validation_failed', error.message);
    if (error instanceof CollectionFull) return errorResponse(409, 'token_limit_reached', error.message);
    if (error instanceof UnknownCollection) return errorResponse(404, 'collection_not_found', error.message);
    if (error instanceof InvalidRequest) return errorResponse(400, 'input_validation_failed', error.message);
    if (error instanceof TokensPerRequestExceeded || error instanceof TooManyTokensToValidate)
      return errorResponse(400, 'input_validation_failed', `token_ids: ${error.message}`);
    if (error instanceof InvalidSelection || error instanceof InvalidSchedule || error instanceof InvalidReveal)
      return errorResponse(400, 'input_validation_failed', error.message);
    if (error instanceof SelectionEmpty) return errorResponse(400, 'selection_empty', error.message);
    if (error instanceof SelectionTooLarge) return errorResponse(400, 'selection_too_large', error.message);
    if (error instanceof ScheduledRefreshesExceeded)
      return errorResponse(409, 'scheduled_limit_reached', error.message);
    if (error instanceof IdempotencyKeyReused) return errorResponse(422, 'idempotency_key_reused', error.message);
    if (error instanceof CollectionAmbiguous) return errorResponse(400, 'collection_ambiguous', error.message);
    if (error instanceof SourceNotSupported) return errorResponse(400, 'source_not_supported', error.message);
    if (error instanceof OwnershipUnavailable || error instanceof ReadsBusy || error instanceof CollectionBusy)
      return errorResponse(503, 'service_unavailable', error.message);
    if (error instanceof NotAuthenticated) return errorResponse(401, 'unauthorized', error.message, error.reason);
    if (error instanceof CollectionNotOwned || error instanceof CollectionNotFound) return notTheirs(error);
    if (error instanceof RefreshNotFound) return errorResponse(404, 'refresh_not_found', error.message);
    if (error instanceof RefreshAlreadyCompleted) return errorResponse(409, 'refresh_completed', error.message);
    if (error instanceof RefreshCancelled) return errorResponse(409, 'refresh_cancelled', error.message);
    if (error instanceof RevealNotFound) return errorResponse(404, 'reveal_not_found', error.message);
    if (error instanceof RevealInProgress)
      return errorResponse(409, 'reveal_in_progress', error.message, error.revealId);
    if (error instanceof RevealNotReady) return errorResponse(409, 'reveal_not_ready', error.message);
    if (error instanceof RevealNotRevertible) return errorResponse(409, 'reveal_not_revertible', error.message);
    if (error instanceof RevealEnded || error instanceof RevealDocumentsDeleted)
      return errorResponse(409, 'reveal_ended', error.message);
    if (error instanceof NothingToRetry) return errorResponse(409, 'nothing_to_retry', error.message);
    if (error instanceof ResourceNotFound) return errorResponse(404, error.code, error.message);
    if (error instanceof TokensNotFound || error instanceof TokenNotInReveal)
      return errorResponse(404, 'token_not_found', error.message);
    if (error instanceof InvalidHold) return errorResponse(400, 'input_validation_failed', error.message);
    if (error instanceof HoldNotFound) return errorResponse(404, 'hold_not_found', error.message);
    if (error instanceof VersionNotFound) return errorResponse(404, 'version_not_found', error.message);
    if (error instanceof VersionNotKept) return errorResponse(410, 'version_not_kept', error.message);
    if (isNotSupported(error)) return errorResponse(501, 'not_supported', error.message);
    if (error instanceof QuotaExceeded) {
      return tooMany(error.message, error.quota, error.quota.resetsInSeconds);
    }
    const isTooFast = error instanceof RequestRateExceeded || error instanceof ValidationsRunning;
    if (isTooFast && request[CALLING_PROJECT]) {
      const { tokensPerHour } = await this.refreshes.readLimits(asRefreshingProject(request[CALLING_PROJECT]));
      return tooMany(error.message, tokensPerHour, error.retryAfterSeconds);
    }
    if (error instanceof HttpException) return fromFramework(error);
    return null;
  }

  protected override unavailableResponse(_: UnavailableReason, message: string): ErrorResponse {
    return errorResponse(503, 'service_unavailable', message);
  }

  protected override internalError(): ErrorResponse {
    return errorResponse(500, 'internal_server_error', 'The request failed because of an error in the service.');
  }
}

export function errorResponse(status: number, code: string, message: string, details?: string): ErrorResponse {
  const body: z.output<typeof errorBodySchema> = { code, message, ...(details !== undefined && { details }) };
  return { status, body };
}

function isNotSupported(error: unknown): error is Error {
  return [VersionsNotSupported, RevealsNotSupported, PreviewsNotSupported].some((kind) => error instanceof kind);
}

/** The same message for both, so that a caller cannot find out which collections exist. */
function notTheirs({ collectionAddress }: CollectionNotOwned | CollectionNotFound): ErrorResponse {
  return errorResponse(403, 'forbidden', `Collection ${collectionAddress} is not a collection of this project.`);
}

/** The public guide fixes code and message; `details` adds the reason. */
function tooMany(details: string, quota: QuotaState, retryAfterSeconds: number): ErrorResponse {
  return {
    ...errorResponse(429, 'refresh_limit_exceeded', 'Refresh limit exceeded', details),
    headers: { ...toLimitHeaders(quota), 'retry-after': String(retryAfterSeconds) },
  };
}

const CODE_BY_STATUS: Readonly<Partial<Record<number, ErrorCode>>> = {
  400: 'malformed_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'refresh_limit_exceeded',
  503: 'service_unavailable',
};

/** Errors of Nest, of a body parser, or of a guard of the host application. */
function fromFramework(error: HttpException): ErrorResponse | null {
  const status = error.getStatus();
  if (status >= 500 && status !== 503) return null; // logged; the caller gets no details
  return errorResponse(status, CODE_BY_STATUS[status] ?? `http_${status}`, textOf(error));
}
