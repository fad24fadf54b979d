import type { Server } from 'node:http';
import { Logger, type INestApplication, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { serveApiReference } from './api-reference.js';
import { AppModule } from './app.module.js';
import type { Environment } from './config/environment.js';
import { migrate } from './database/migrations.js';
import { openDatabase } from './database/open-database.js';
import { ServiceLogger } from './log/service-logger.js';
import { unlessAborted } from './stop-signal.js';

/** For requests that are in flight when the service stops. */
const ANSWER_WITHIN_MS = 5_000;

export interface Service {
  app: INestApplication;
  url: string;
  /** Stops taking requests, hands claimed items back, and leaves the embedded database. */
  stop(): Promise<void>;
}

/**
 * Starts everything that the environment asks for: database, migrations, HTTP, worker. When `signal` aborts before all
 * of it has started, leaves the embedded database and throws the signal's reason; the process is to end then.
 */
export async function startService(environment: Environment, signal?: AbortSignal): Promise<Service> {
  const logger = new ServiceLogger({ json: logsJson(environment), logLevels: levelsFrom(environment.logLevel) });
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
    await unlessAborted(signal, migrate(database.url));
    if (environment.runMode !== 'worker') serveApiReference(app);
    await app.listen(environment.port, environment.host);
    return {
      app,
      url: await app.getUrl(),
      async stop() {
        try {
          await closeGently(app);
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
  // Express takes a number for a count of proxies, and text for an address.
  const [proxy] = trustProxy ?? [];
  if (proxy) app.set('trust proxy', /^[0-9]+$/.test(proxy) ? Number(proxy) : trustProxy);
}

function logsJson({ logFormat }: Environment): boolean {
  return logFormat === 'auto' ? !process.stdout.isTTY : logFormat === 'json';
}

/** Requests that are being answered are answered; what a client only keeps open, or drips, does not hold us up. */
async function closeGently(app: INestApplication): Promise<void> {
  const server = app.getHttpServer() as Server;
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const slow = setTimeout(() => server.closeAllConnections(), ANSWER_WITHIN_MS);
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
