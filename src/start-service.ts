import type { Server } from 'node:http';
import { Logger, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { serveApiReference } from './api-reference.js';
import { AppModule } from './app.module.js';
import type { Environment } from './config/environment.js';
import { migrate } from './database/migrations.js';
import { openDatabase } from './database/open-database.js';
import { listen } from './listen.js';
import { ServiceLogger } from './log/service-logger.js';
import { unlessAborted } from './stop-signal.js';
import { WorkerProcesses } from './workers/worker-processes.js';

/** How long requests in flight may take when the service stops. */
const DRAIN_TIMEOUT_MS = 5_000;

export interface Service {
  app: INestApplication;
  url: string;
  /** For people: hosts and name, or the folder of the embedded database. */
  database: string;
  /** Accepts no more requests, releases claimed items, ends the worker processes, and leaves the embedded database. */
  stop(): Promise<void>;
}

/**
 * Starts what the environment configures: database, migrations, HTTP, workers. If `signal` aborts during the start, leaves
 * the embedded database and throws the signal's reason. The caller must end the process then. Worker processes run the built program, so more than one worker needs `npm run build`.
 */
export async function startService(environment: Environment, signal?: AbortSignal): Promise<Service> {
  const logger = ServiceLogger.of(environment);
  Logger.overrideLogger(logger);
  const log = new Logger('Service');
  for (const msg of environment.warnings) log.warn({ msg });
  const database = await openDatabase(environment, {
    onWaiting: (waiting) => log.log({ msg: 'waiting for the database', ...waiting }),
    onCreated: (folder) => log.log({ msg: 'embedded database created', folder }),
    signal,
  });
  const connected = { ...environment, databaseUrl: database.url };
  let workers: WorkerProcesses | undefined;
  try {
    const app = await unlessAborted(
      signal,
      NestFactory.create<NestExpressApplication>(AppModule.forRoot(connected), {
        logger,
        abortOnError: false,
        bodyParser: false,
      }),
    );
    configureRequests(app, environment);
    app.disable('x-powered-by');
    await unlessAborted(signal, migrate(database.url));
    if (environment.runMode !== 'worker') serveApiReference(app);
    if (environment.workers > 1) {
      workers = app.get<WorkerProcesses>(WorkerProcesses);
      await unlessAborted(signal, workers.start(connected));
    }
    await listen(app, environment);
    return {
      app,
      url: await app.getUrl(),
      database: database.label,
      async stop() {
        try {
          await closeGracefully(app);
        } finally {
          await database.leave();
        }
      },
    };
  } catch (error) {
    await workers?.stop();
    await database.leave();
    throw error;
  }
}

function configureRequests(app: NestExpressApplication, { bodyLimit, trustProxy }: Environment): void {
  app.useBodyParser('json', { limit: bodyLimit });
  app.useBodyParser('urlencoded', { limit: bodyLimit, extended: true });
  // Express expects a number for a count of proxies, and strings for addresses.
  const [proxy] = trustProxy ?? [];
  if (proxy) app.set('trust proxy', /^[0-9]+$/.test(proxy) ? Number(proxy) : trustProxy);
}

/** Graceful shutdown: completes requests in flight, but does not wait for idle or very slow connections. */
async function closeGracefully(app: INestApplication): Promise<void> {
  const server = app.getHttpServer() as Server;
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const slow = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(slow);
  }
}
