import { CollectionNotFound } from '@app/metadata-refresh';
import { NotAuthenticated } from '@app/project-auth';
import { DialectFilter, textOf, type ErrorResponse } from '@app/refresh-api';
import { Catch, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

@Catch()
export class AcmeApiFilter extends DialectFilter {
  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
  }

  protected override async responseTo(error: unknown): Promise<ErrorResponse | null> {
    if (error instanceof NotAuthenticated) return problem(401, error.message);
    if (error instanceof CollectionNotFound) return problem(404, error.message);
    return error instanceof HttpException && error.getStatus() < 500 ? problem(error.getStatus(), textOf(error)) : null;
  }

  protected override unavailableResponse(_: unknown, message: string): ErrorResponse {
    return problem(503, message);
  }

  protected override internalError(): ErrorResponse {
    return problem(500, 'Sorry.');
  }
}

const problem = (status: number, detail: string): ErrorResponse => ({ status, body: { problem: { status, detail } } });
