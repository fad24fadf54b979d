import { DialectFilter, textOf, type Answer } from '@app/refresh-api';
import { InvalidCursor, InvalidTraitRange } from '@app/token-store';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CollectionOnSeveralChains } from './listings.errors.js';

/** Errors in the shape of the project API: `code` and `message`. */
@Catch()
export class ListingsFilter extends DialectFilter {
  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
  }

  protected override async answerTo(error: unknown): Promise<Answer | null> {
    if (error instanceof InvalidCursor || error instanceof InvalidTraitRange) {
      return answer(400, 'input_validation_failed', error.message);
    }
    if (error instanceof CollectionOnSeveralChains) return answer(400, 'collection_ambiguous', error.message);
    if (error instanceof HttpException && error.getStatus() < 500) {
      const response = error.getResponse();
      const code = typeof response === 'object' && 'code' in response ? String(response.code) : 'malformed_request';
      return answer(error.getStatus(), code, textOf(error));
    }
    return null;
  }

  protected override answerWhileAway(_: unknown, message: string): Answer {
    return answer(503, 'service_unavailable', message);
  }

  protected override internalError(): Answer {
    return answer(500, 'internal_server_error', 'The request failed here, not through a fault of its own.');
  }
}

function answer(status: number, code: string, message: string): Answer {
  return { status, body: { code, message } };
}
