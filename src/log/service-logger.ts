import { stripVTControlCharacters } from 'node:util';
import { ConsoleLogger, type ConsoleLoggerOptions, type LogLevel } from '@nestjs/common';
import type { Environment } from '../config/environment.js';

/**
 * Logs text, or one JSON object on each line. Without `colors`, and in JSON, removes colour codes: libraries such as MikroORM
 * put them into messages even without a terminal. A worker process adds its number to every line.
 */
export class ServiceLogger extends ConsoleLogger {
  static of({ logFormat, logLevel }: Pick<Environment, 'logFormat' | 'logLevel'>, worker?: number): ServiceLogger {
    const isTerminal = process.stdout.isTTY === true;
    const json = logFormat === 'auto' ? !isTerminal : logFormat === 'json';
    return new ServiceLogger({ json, colors: isTerminal, logLevels: levelsFrom(logLevel) }, worker);
  }

  private constructor(
    options: ConsoleLoggerOptions,
    private readonly worker?: number,
  ) {
    super({ ...options, ...(worker !== undefined && { prefix: `worker ${worker}` }) });
  }

  protected override getJsonLogObject(...parts: Parameters<ConsoleLogger['getJsonLogObject']>) {
    const { level, pid, ...others } = super.getJsonLogObject(...parts);
    return { level, pid, ...(this.worker !== undefined && { worker: this.worker }), ...others };
  }

  protected override stringifyReplacer(key: string, value: unknown): unknown {
    const replaced = super.stringifyReplacer(key, value);
    return typeof replaced === 'string' ? stripVTControlCharacters(replaced) : replaced;
  }

  protected override formatMessage(...parts: Parameters<ConsoleLogger['formatMessage']>): string {
    const line = super.formatMessage(...parts);
    return this.options.colors ? line : stripVTControlCharacters(line);
  }
}

function levelsFrom(level: Environment['logLevel']): LogLevel[] {
  const levels = ['fatal', 'error', 'warn', 'log', 'debug'] as const;
  return levels.slice(0, levels.indexOf(level === 'info' ? 'log' : level) + 1);
}
