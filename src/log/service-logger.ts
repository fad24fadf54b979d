import { stripVTControlCharacters } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';

/**
 * Logs text, or one JSON object on each line. Without `colors`, and in JSON, removes colour codes: libraries such as MikroORM
 * put them into messages even without a terminal.
 */
export class ServiceLogger extends ConsoleLogger {
  protected override stringifyReplacer(key: string, value: unknown): unknown {
    const replaced = super.stringifyReplacer(key, value);
    return typeof replaced === 'string' ? stripVTControlCharacters(replaced) : replaced;
  }

  protected override formatMessage(...parts: Parameters<ConsoleLogger['formatMessage']>): string {
    const line = super.formatMessage(...parts);
    return this.options.colors ? line : stripVTControlCharacters(line);
  }
}
