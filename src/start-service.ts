import type { Server } from 'node:http';
import { Logger, type INestApplication, type LogLevel } from '@nestjs/common';
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

/** How long requests in flight may take when the service stops. */
const DRAIN_TIMEOUT_MS = 5_000;

export interface Service {
  app: INestApplication;
  url: string;
  /** For people: hosts and name, or the folder of the embedded database. */
  database: string;
  /** Accepts no more requests, releases claimed items, and leaves the embedded database. */
  stop(): Promise<void>;
}

/**
 * Starts what the environment configures: database, migrations, HTTP, worker. If `signal` aborts during the start, leaves
 * the embedded database and throws the signal's reason. The caller must end the process then.
 */
export async function startService(environment: Environment, signal?: AbortSignal): Promise<Service> {
  const logger = new ServiceLogger({
    json: logsJson(environment),
    colors: process.stdout.isTTY === true,
    logLevels: levelsFrom(environment.logLevel),
  });
  Logger.overrideLogger(logger);
  const log = new Logger('Service');
  for (const msg of environment.warnings) log.warn({ msg });
  const database = await openDatabase(environment, {
    onWaiting: (waiting) => log.log({ msg: 'waiting for the database', ...waiting }),
    onCreated: (folder) => log.log({ msg: 'embedded database created', folder }),
    signal,
  });
  try {
    const app = await unlessAborted(
      signal,
      NestFactory.create<NestExpressApplication>(AppModule.forRoot({ ...environment, databaseUrl: database.url }), {
        logger,
        abortOnError: false,
        bodyParser: false,
      }),
    );
    configureRequests(app, environment);
    app.disable('x-powered-by');
    await unlessAborted(signal, migrate(database.url));
    if (environment.runMode !== 'worker') serveApiReference(app);
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

function logsJson({ logFormat }: Environment): boolean {
  return logFormat === 'auto' ? !process.stdout.isTTY : logFormat === 'json';
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

function levelsFrom(level: Environment['logLevel']): LogLevel[] {
  const levels = ['fatal', 'error', 'warn', 'log', 'debug'] as const;
  return levels.slice(0, levels.indexOf(level === 'info' ? 'log' : level) + 1);
}
