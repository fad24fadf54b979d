import {
  CollectionAmbiguous,
  CollectionNotFound,
  CollectionNotOwned,
  IdempotencyKeyReused,
  OwnershipUnavailable,
  QuotaExceeded,
  SourceNotSupported,
  TokensPerRequestExceeded,
  TokensNotFound,
} from '@app/metadata-refresh';
import { NotAuthenticated, RequestRateExceeded } from '@app/project-auth';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { z } from 'zod';
import type { ErrorResponse } from '../error-response.js';
import { DialectFilter, textOf, type UnavailableReason } from '../dialect.filter.js';
import { InvalidRequest } from '../invalid-request.js';
import type { partnerErrorSchema } from './partner-api.responses.js';

/** Errors of the partner API: a `message`, with the text of the public documentation. */
@Catch()
export class PartnerApiFilter extends DialectFilter {
  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
  }

  protected override async responseTo(error: unknown): Promise<ErrorResponse | null> {
    if (error instanceof InvalidRequest) return errorResponse(400, error.message);
    if (error instanceof TokensNotFound) return errorResponse(400, 'Token not found', error.tokenIds);
    if (error instanceof CollectionNotFound) return errorResponse(400, 'Token not found');
    if (error instanceof TokensPerRequestExceeded) {
      return errorResponse(400, `Too many token ids, max number of token ids allowed is ${error.limit}`);
    }
    if (error instanceof CollectionAmbiguous || error instanceof SourceNotSupported)
      return errorResponse(400, error.message);
    if (error instanceof OwnershipUnavailable) return errorResponse(503, error.message);
    if (error instanceof NotAuthenticated) return errorResponse(401, 'Invalid authentication credentials');
    if (error instanceof CollectionNotOwned) return errorResponse(403, 'You cannot consume this service');
    if (error instanceof IdempotencyKeyReused) return errorResponse(422, error.message);
    if (error instanceof QuotaExceeded) return tooMany(error.quota.resetsInSeconds);
    if (error instanceof RequestRateExceeded) return tooMany(error.retryAfterSeconds);
    if (error instanceof HttpException && (error.getStatus() < 500 || error.getStatus() === 503)) {
      return errorResponse(error.getStatus(), textOf(error));
    }
    return null;
  }

  protected override unavailableResponse(why: UnavailableReason, message: string): ErrorResponse {
    return errorResponse(503, why === 'database' ? 'The service is not available now' : message);
  }

  protected override internalError(): ErrorResponse {
    return errorResponse(500, 'An unexpected error occurred');
  }
}

function errorResponse(status: number, message: string, tokenIds?: readonly string[]): ErrorResponse {
  const body: z.output<typeof partnerErrorSchema> = { message, ...(tokenIds && { token_ids: [...tokenIds] }) };
  return { status, body };
}

function tooMany(retryAfterSeconds: number): ErrorResponse {
  return { ...errorResponse(429, 'API rate limit exceeded'), headers: { 'retry-after': String(retryAfterSeconds) } };
}
