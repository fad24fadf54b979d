import type { LoggerService } from '@nestjs/common';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ModuleLogger, useHostLogger } from './module-logger.js';
import { inRequest } from './request-id.js';

const LIBS = fileURLToPath(new URL('../../', import.meta.url));

function aLogger() {
  const lines: unknown[][] = [];
  const record =
    (level: string) =>
    (...line: unknown[]) =>
      void lines.push([level, ...line]);
  const logger = { log: record('log'), warn: record('warn'), error: record('error'), debug: record('debug') };
  return { lines, logger: logger satisfies LoggerService };
}

it('the logger of a host application gets each line with its level and context, as Nest calls it', () => {
  const { lines, logger } = aLogger();
  const end = useHostLogger(logger);
  const own = new ModuleLogger('MetadataRefresh');
  own.log({ msg: 'one' });
  own.warn({ msg: 'two', tokens: 2 });
  own.error({ msg: 'three' });
  own.debug({ msg: 'four' });
  end();

  expect(lines).toEqual([
    ['log', { msg: 'one' }, 'MetadataRefresh'],
    ['warn', { msg: 'two', tokens: 2 }, 'MetadataRefresh'],
    ['error', { msg: 'three' }, 'MetadataRefresh'],
    ['debug', { msg: 'four' }, 'MetadataRefresh'],
  ]);
});

it('a logger without the level debug does not get its lines', () => {
  const { lines, logger } = aLogger();
  const { debug: _, ...without } = logger;
  const end = useHostLogger(without);
  new ModuleLogger('MetadataRefresh').debug({ msg: 'one' });
  end();

  expect(lines).toEqual([]);
});

it('an application that stops does not take away the logger of another one', () => {
  const [first, second] = [aLogger(), aLogger()];
  const endFirst = useHostLogger(first.logger);
  const endSecond = useHostLogger(second.logger);
  endFirst();
  new ModuleLogger('MetadataRefresh').log({ msg: 'one' });
  endSecond();

  expect([first.lines, second.lines]).toEqual([[], [['log', { msg: 'one' }, 'MetadataRefresh']]]);
});

it('every line of a request has its id', () => {
  const { lines, logger } = aLogger();
  const end = useHostLogger(logger);
  inRequest('req-1', () => new ModuleLogger('MetadataRefresh').log({ msg: 'one' }));
  end();

  expect(lines).toEqual([['log', { msg: 'one', requestId: 'req-1' }, 'MetadataRefresh']]);
});

it('every module logs through ModuleLogger, so that the logger of a host application gets all lines', () => {
  const sources = globSync('*/src/**/*.ts', { cwd: LIBS }).filter(
    (path) => !/\.spec\.ts$|^(logging|testing)\//.test(path),
  );

  expect(sources.filter((path) => readFileSync(LIBS + path, 'utf8').includes('new Logger('))).toEqual([]);
});
