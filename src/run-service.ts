import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { readEnvironment, WrongEnvironment } from './config/environment.js';
import { processVariables, UnreadableEnvFile } from './config/process-variables.js';
import { UnusableFolder } from './database/embedded-folder.js';
import { DatabaseUnusable } from './database/wait-for-database.js';
import { CannotListen } from './listen.js';
import { startService } from './start-service.js';
import { SHUTDOWN_TIMEOUT_MS, StopRequested, stopSignal, whenStopped } from './stop-signal.js';
import { WorkerCannotStart } from './workers/worker-processes.js';

/** Runs the service until a signal stops it, and exits the process: with status 1 and a message when it fails. */
export async function runService(): Promise<never> {
  const stopping = stopSignal();
  // Unreferenced, so that a stopped process does not wait for the timer.
  stopping.addEventListener('abort', () => setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS).unref());
  try {
    const environment = readEnvironment(processVariables());
    const service = await startService(environment, stopping);
    const logger = new Logger('Service');
    const { runMode, workers, hasConsole } = environment;
    logger.log({
      msg: 'ready',
      url: service.url,
      ...(hasConsole && { console: `${service.url}/console` }),
      runMode,
      database: service.database,
      workers,
    });
    const { signal } = await whenStopped(stopping);
    logger.log({ msg: 'stopping', signal });
    await service.stop();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    process.exit(error instanceof StopRequested ? 0 : 1);
  }
}

function explain(error: unknown): string {
  if (error instanceof StopRequested) return `${error.message} before it was ready`;
  if (
    [UnreadableEnvFile, WrongEnvironment, DatabaseUnusable, UnusableFolder, WorkerCannotStart, CannotListen].some(
      (known) => error instanceof known,
    )
  ) {
    return (error as Error).message;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
