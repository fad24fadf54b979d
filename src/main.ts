import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { processVariables, readEnvironment, WrongEnvironment } from './config/environment.js';
import { DatabaseUnusable } from './database/wait-for-database.js';
import { startService, type Service } from './start-service.js';

/** Whoever stops a process often kills it after 10 seconds. After this it ends anyway, and the leases run out. */
const STOP_WITHIN_MS = 9_000;

try {
  const environment = readEnvironment(processVariables());
  const service = await startService(environment);
  stopOnSignal(service);
  const logger = new Logger('Service');
  logger.log({ msg: 'ready', url: service.url, runMode: environment.runMode });
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

function stopOnSignal(service: Service): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) return;
    isStopping = true;
    new Logger('Service').log({ msg: 'stopping', signal });
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
}

function explain(error: unknown): string {
  if (error instanceof WrongEnvironment || error instanceof DatabaseUnusable) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `PORT is taken: another process listens there already (${error.message}). Set PORT to another one.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
