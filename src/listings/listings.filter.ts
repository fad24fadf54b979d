import { DialectFilter, textOf, type ErrorResponse } from '@app/refresh-api';
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

  protected override async responseTo(error: unknown): Promise<ErrorResponse | null> {
    if (error instanceof InvalidCursor || error instanceof InvalidTraitRange) {
      return errorResponse(400, 'input_validation_failed', error.message);
    }
    if (error instanceof CollectionOnSeveralChains) return errorResponse(400, 'collection_ambiguous', error.message);
    if (error instanceof HttpException && error.getStatus() < 500) {
      const response = error.getResponse();
      const code = typeof response === 'object' && 'code' in response ? String(response.code) : 'malformed_request';
      return errorResponse(error.getStatus(), code, textOf(error));
    }
    return null;
  }

  protected override unavailableResponse(_: unknown, message: string): ErrorResponse {
    return errorResponse(503, 'service_unavailable', message);
  }

  protected override internalError(): ErrorResponse {
    return errorResponse(500, 'internal_server_error', 'The request failed because of an error in the service.');
  }
}

function errorResponse(status: number, code: string, message: string): ErrorResponse {
  return { status, body: { code, message } };
}
