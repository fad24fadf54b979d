import { Logger, type LoggerService } from '@nestjs/common';
import { requestId } from './request-id.js';

/** `msg` says what happened; the fields say to what. */
export interface LogFields {
  msg: string;
  [field: string]: unknown;
}

let hostLogger: LoggerService | undefined;

/**
 * Makes this the logger of all modules in this process, instead of Nest's. Returns a function that ends it, unless another one was
 * set meanwhile.
 */
export function useHostLogger(logger: LoggerService): () => void {
  hostLogger = logger;
  return () => {
    if (hostLogger === logger) hostLogger = undefined;
  };
}

/** Logs for one part of the package: through the logger of the host application, if it gave us one, else through Nest's. */
export class ModuleLogger {
  private readonly nest: Logger;

  constructor(private readonly context: string) {
    this.nest = new Logger(context);
  }

  debug(fields: LogFields): void {
    const line = withRequestId(fields);
    if (hostLogger) hostLogger.debug?.(line, this.context);
    else this.nest.debug(line);
  }

  log(fields: LogFields): void {
    const line = withRequestId(fields);
    if (hostLogger) hostLogger.log(line, this.context);
    else this.nest.log(line);
  }

  warn(fields: LogFields): void {
    const line = withRequestId(fields);
    if (hostLogger) hostLogger.warn(line, this.context);
    else this.nest.warn(line);
  }

  error(fields: LogFields): void {
    const line = withRequestId(fields);
    if (hostLogger) hostLogger.error(line, this.context);
    else this.nest.error(line);
  }
}

function withRequestId(fields: LogFields): LogFields {
  const id = requestId();
  return id === undefined ? fields : { ...fields, requestId: id };
}
