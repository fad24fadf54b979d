import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** The shop's own error format. */
@Catch()
export class ShopErrors implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: Error & { statusCode?: number }, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : (error.statusCode ?? 500);
    const { httpAdapter } = this.adapterHost;
    httpAdapter.reply(host.switchToHttp().getResponse(), { failure: error.message, status }, status);
  }
}
