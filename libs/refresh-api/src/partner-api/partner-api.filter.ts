import {
  CollectionAmbiguous,
  CollectionNotFound,
  CollectionNotOwned,
  QuotaExceeded,
  SourceNotSupported,
  TokenLimitExceeded,
  TokensNotFound,
} from '@app/metadata-refresh';
import { NotAuthenticated, RequestRateExceeded } from '@app/project-auth';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { z } from 'zod';
import type { Answer } from '../answer.js';
import { DialectFilter, textOf, type AwayReason } from '../dialect.filter.js';
import { InvalidRequest } from '../invalid-request.js';
import type { partnerErrorSchema } from './partner-api.responses.js';

/** Errors as the partner API has them: a `message`, with the texts of its public page. */
@Catch()
export class PartnerApiFilter extends DialectFilter {
  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
  }

  protected override async answerTo(error: unknown): Promise<Answer | null> {
    if (error instanceof InvalidRequest) return answer(400, error.message);
    if (error instanceof TokensNotFound) return answer(400, 'Token not found', error.tokenIds);
    if (error instanceof CollectionNotFound) return answer(400, 'Token not found');
    if (error instanceof TokenLimitExceeded) {
      return answer(400, `Too many token ids, max number of token ids allowed is ${error.limit}`);
    }
    if (error instanceof CollectionAmbiguous || error instanceof SourceNotSupported) return answer(400, error.message);
    if (error instanceof NotAuthenticated) return answer(401, 'Invalid authentication credentials');
    if (error instanceof CollectionNotOwned) return answer(403, 'You cannot consume this service');
    if (error instanceof QuotaExceeded) return tooMany(error.quota.resetsInSeconds);
    if (error instanceof RequestRateExceeded) return tooMany(error.retryAfterSeconds);
    if (error instanceof HttpException && (error.getStatus() < 500 || error.getStatus() === 503)) {
      return answer(error.getStatus(), textOf(error));
    }
    return null;
  }

  protected override answerWhileAway(why: AwayReason, message: string): Answer {
    return answer(503, why === 'database' ? 'The service is not available now' : message);
  }

  protected override internalError(): Answer {
    return answer(500, 'An unexpected error occurred');
  }
}

function answer(status: number, message: string, tokenIds?: readonly string[]): Answer {
  const body: z.output<typeof partnerErrorSchema> = { message, ...(tokenIds && { token_ids: [...tokenIds] }) };
  return { status, body };
}

function tooMany(retryAfterSeconds: number): Answer {
  return { ...answer(429, 'API rate limit exceeded'), headers: { 'retry-after': String(retryAfterSeconds) } };
}
