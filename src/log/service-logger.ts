import { stripVTControlCharacters } from 'node:util';
import { ConsoleLogger } from '@nestjs/common';

/**
 * Readable lines on a terminal; otherwise one object of JSON a line, without the colours that libraries such as MikroORM
 * put into their messages wherever they go.
 */
export class ServiceLogger extends ConsoleLogger {
  protected override stringifyReplacer(key: string, value: unknown): unknown {
    const replaced = super.stringifyReplacer(key, value);
    return typeof replaced === 'string' ? stripVTControlCharacters(replaced) : replaced;
  }
}
