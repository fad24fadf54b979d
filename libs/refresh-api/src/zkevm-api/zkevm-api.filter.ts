import { randomUUID } from 'node:crypto';
import { requestId } from '@app/logging';
import {
  CollectionAmbiguous,
  CollectionBusy,
  CollectionNotFound,
  CollectionNotOwned,
  EmptyMetadata,
  MetadataRefreshService,
  QuotaExceeded,
  StacksNotFound,
  StacksTooLarge,
  TokensNotFound,
  TokensPerRequestExceeded,
  type QuotaState,
} from '@app/metadata-refresh';
import { CALLING_PROJECT, NotAuthenticated, RequestRateExceeded, type AuthenticatedRequest } from '@app/project-auth';
import { OrderNotSupported, UnknownCollection } from '@app/token-store';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { z } from 'zod';
import { DialectFilter, textOf, type UnavailableReason } from '../dialect.filter.js';
import type { ErrorResponse } from '../error-response.js';
import { InvalidRequest } from '../invalid-request.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { ResourceNotFound } from '../resource-not-found.js';
import { UnknownChain } from './chain-names.js';
import { toLimitHeaders, toLimitsBody } from './limits.presenter.js';
import type { ZkevmErrorCode, zkevmErrorSchema } from './zkevm-api.responses.js';

type Details = z.output<typeof zkevmErrorSchema>['details'];

/** Errors in the shape of Immutable zkEVM: clients can switch on `code`, and get everything else from `details`. */
@Catch()
export class ZkevmApiFilter extends DialectFilter {
  constructor(
    adapterHost: HttpAdapterHost,
    private readonly refreshes: MetadataRefreshService,
  ) {
    super(adapterHost);
  }

  protected override async responseTo(error: unknown, request: AuthenticatedRequest): Promise<ErrorResponse | null> {
    if (error instanceof InvalidRequest) return invalid(error);
    if (error instanceof EmptyMetadata) {
      const { target } = error;
      const details = 'tokenId' in target ? { token_ids: [target.tokenId] } : { metadata_ids: [target.stackId] };
      return errorResponse(400, 'VALIDATION_ERROR', error.message, details);
    }
    if (
      error instanceof TokensPerRequestExceeded ||
      error instanceof StacksTooLarge ||
      error instanceof CollectionAmbiguous ||
      error instanceof OrderNotSupported
    )
      return errorResponse(400, 'VALIDATION_ERROR', error.message);
    if (error instanceof NotAuthenticated) return errorResponse(401, 'UNAUTHORISED_REQUEST', error.message);
    if (error instanceof CollectionNotOwned) return errorResponse(403, 'AUTHENTICATION_ERROR', error.message);
    if (error instanceof TokensNotFound) {
      return errorResponse(404, 'RESOURCE_NOT_FOUND', error.message, { token_ids: [...error.tokenIds] });
    }
    if (error instanceof StacksNotFound) {
      return errorResponse(404, 'RESOURCE_NOT_FOUND', error.message, { metadata_ids: [...error.stackIds] });
    }
    if (
      error instanceof CollectionNotFound ||
      error instanceof UnknownCollection ||
      error instanceof UnknownChain ||
      error instanceof ResourceNotFound
    )
      return errorResponse(404, 'RESOURCE_NOT_FOUND', error.message);
    if (error instanceof CollectionBusy) return errorResponse(503, 'SERVICE_UNAVAILABLE', error.message);
    if (error instanceof QuotaExceeded) return tooMany(error.message, error.quota, error.quota.resetsInSeconds);
    if (error instanceof RequestRateExceeded && request[CALLING_PROJECT]) {
      const { tokensPerHour } = await this.refreshes.readLimits(asRefreshingProject(request[CALLING_PROJECT]));
      return tooMany(error.message, tokensPerHour, error.retryAfterSeconds);
    }
    return error instanceof HttpException ? fromFramework(error) : null;
  }

  protected override unavailableResponse(_: UnavailableReason, message: string): ErrorResponse {
    return errorResponse(503, 'SERVICE_UNAVAILABLE', message);
  }

  protected override internalError(): ErrorResponse {
    return errorResponse(
      500,
      'INTERNAL_SERVER_ERROR',
      'The request failed because of an error in the service. The log has it by trace_id.',
    );
  }
}

/** The public format requires a link; this service has no page for each error. */
const LINK = 'about:blank';
const MAX_MESSAGE_LENGTH = 1024;

function errorResponse(status: number, code: ZkevmErrorCode, message: string, details: Details = null): ErrorResponse {
  const traceId = requestId() ?? randomUUID();
  const body: z.output<typeof zkevmErrorSchema> = {
    code,
    message: toPrintableAscii(message).slice(0, MAX_MESSAGE_LENGTH),
    link: LINK,
    trace_id: traceId,
    details,
  };
  return { status, body, headers: { 'x-trace-id': traceId }, traceId };
}

/** The public format allows nothing else. */
function toPrintableAscii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function invalid({ message, brokenRules }: InvalidRequest): ErrorResponse {
  const errors = brokenRules.map(({ path, rule }) => ({ path: toPointer(path), rule }));
  return errorResponse(400, 'VALIDATION_ERROR', message, errors.length > 0 ? { errors } : null);
}

/** A JSON Pointer (RFC 6901). */
function toPointer(path: readonly string[]): string {
  return path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The client keeps neither status nor headers of an error, so the limits are in the body as well. */
function tooMany(message: string, quota: QuotaState, retryAfterSeconds: number): ErrorResponse {
  const response = errorResponse(429, 'TOO_MANY_REQUESTS_ERROR', message, toLimitsBody(quota, retryAfterSeconds));
  return { ...response, headers: { ...response.headers, ...toLimitHeaders(quota, retryAfterSeconds) } };
}

const CODE_BY_STATUS: Readonly<Partial<Record<number, ZkevmErrorCode>>> = {
  401: 'UNAUTHORISED_REQUEST',
  403: 'AUTHENTICATION_ERROR',
  404: 'RESOURCE_NOT_FOUND',
  409: 'CONFLICT_ERROR',
  429: 'TOO_MANY_REQUESTS_ERROR',
  503: 'SERVICE_UNAVAILABLE',
};

/** Errors of Nest, of a body parser, or of a guard of the host application. No code of the format says 405, 413 or 415. */
function fromFramework(error: HttpException): ErrorResponse | null {
  const status = error.getStatus();
  if (status >= 500 && status !== 503) return null; // logged; the caller gets no details
  return errorResponse(status, CODE_BY_STATUS[status] ?? 'VALIDATION_ERROR', textOf(error));
}
