import {
  CollectionAmbiguous,
  CollectionNotFound,
  CollectionNotOwned,
  MetadataRefreshService,
  QuotaExceeded,
  RefreshNotFound,
  SourceNotSupported,
  TokenLimitExceeded,
  TokensNotFound,
  type QuotaState,
} from '@app/metadata-refresh';
import { CALLING_PROJECT, NotAuthenticated, RequestRateExceeded, type AuthenticatedRequest } from '@app/project-auth';
import { CollectionFull, InvalidCollection, UnknownCollection } from '@app/token-store';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { z } from 'zod';
import type { Answer } from '../answer.js';
import { DialectFilter, textOf, type AwayReason } from '../dialect.filter.js';
import { InvalidRequest } from '../invalid-request.js';
import { ResourceNotFound } from '../token-api/token-api.errors.js';
import { asRefreshingProject } from '../refreshing-project.js';
import { toLimitHeaders } from './project-api.presenter.js';
import type { ErrorCode, errorBodySchema } from './project-api.responses.js';

/** Errors in the one shape of this dialect: `code` is what a client can switch on. */
@Catch()
export class ProjectApiFilter extends DialectFilter {
  constructor(
    adapterHost: HttpAdapterHost,
    private readonly refreshes: MetadataRefreshService,
  ) {
    super(adapterHost);
  }

  protected override async answerTo(error: unknown, request: AuthenticatedRequest): Promise<Answer | null> {
    if (error instanceof InvalidCollection) return answer(400, 'input_validation_failed', error.message);
    if (error instanceof CollectionFull) return answer(409, 'token_limit_reached', error.message);
    if (error instanceof UnknownCollection) return answer(404, 'collection_not_found', error.message);
    if (error instanceof InvalidRequest) return answer(400, 'input_validation_failed', error.message);
    if (error instanceof TokenLimitExceeded)
      return answer(400, 'input_validation_failed', `token_ids: ${error.message}`);
    if (error instanceof CollectionAmbiguous) return answer(400, 'collection_ambiguous', error.message);
    if (error instanceof SourceNotSupported) return answer(400, 'source_not_supported', error.message);
    if (error instanceof NotAuthenticated) return answer(401, 'unauthorized', error.message, error.reason);
    if (error instanceof CollectionNotOwned || error instanceof CollectionNotFound) return notTheirs(error);
    if (error instanceof RefreshNotFound) return answer(404, 'refresh_not_found', error.message);
    if (error instanceof ResourceNotFound) return answer(404, error.code, error.message);
    if (error instanceof TokensNotFound) return answer(404, 'token_not_found', error.message);
    if (error instanceof QuotaExceeded) {
      return tooMany(error.message, error.quota, error.quota.resetsInSeconds);
    }
    if (error instanceof RequestRateExceeded && request[CALLING_PROJECT]) {
      const { tokensPerHour } = await this.refreshes.readLimits(asRefreshingProject(request[CALLING_PROJECT]));
      return tooMany(error.message, tokensPerHour, error.retryAfterSeconds);
    }
    if (error instanceof HttpException) return fromFramework(error);
    return null;
  }

  protected override answerWhileAway(_: AwayReason, message: string): Answer {
    return answer(503, 'service_unavailable', message);
  }

  protected override internalError(): Answer {
    return answer(500, 'internal_server_error', 'The request failed here, not through a fault of its own.');
  }
}

export function answer(status: number, code: string, message: string, details?: string): Answer {
  const body: z.output<typeof errorBodySchema> = { code, message, ...(details !== undefined && { details }) };
  return { status, body };
}

/** A stranger is not told whether a collection exists: one text for both. */
function notTheirs({ collectionAddress }: CollectionNotOwned | CollectionNotFound): Answer {
  return answer(403, 'forbidden', `Collection ${collectionAddress} is not a collection of this project.`);
}

/** Code and message are the guide's; what they do not say is in `details`. */
function tooMany(details: string, quota: QuotaState, retryAfterSeconds: number): Answer {
  return {
    ...answer(429, 'refresh_limit_exceeded', 'Refresh limit exceeded', details),
    headers: { ...toLimitHeaders(quota), 'retry-after': String(retryAfterSeconds) },
  };
}

const CODE_BY_STATUS: Readonly<Partial<Record<number, ErrorCode>>> = {
  400: 'malformed_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'refresh_limit_exceeded',
  503: 'service_unavailable',
};

/** From Nest, from a body parser, or from a guard of the host. */
function fromFramework(error: HttpException): Answer | null {
  const status = error.getStatus();
  if (status >= 500 && status !== 503) return null; // a fault: logged, and told no more than that
  return answer(status, CODE_BY_STATUS[status] ?? `http_${status}`, textOf(error));
}
