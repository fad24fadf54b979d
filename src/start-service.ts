import { MikroORM } from '@mikro-orm/postgresql';
import { RefreshWorker } from '@app/metadata-refresh';
import { ConsoleLogger, type INestApplication, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { serveApiReference } from './api-reference.js';
import { AppModule } from './app.module.js';
import type { Environment } from './config/environment.js';
import { migrate } from './database/migrations.js';
import { openDatabase } from './database/open-database.js';

export interface Service {
  app: INestApplication;
  url: string;
  /** Stops taking requests, hands claimed items back, and leaves the embedded database. */
  stop(): Promise<void>;
}

/** Starts everything that the environment asks for: database, migrations, HTTP, worker. */
export async function startService(environment: Environment): Promise<Service> {
  const database = await openDatabase(environment);
  try {
    const app = await NestFactory.create(AppModule.forRoot({ ...environment, databaseUrl: database.url }), {
      logger: new ConsoleLogger({ json: !process.stdout.isTTY, logLevels: levelsFrom(environment.logLevel) }),
      abortOnError: false,
      forceCloseConnections: true,
    });
    await migrate(app.get(MikroORM));
    if (environment.runMode !== 'api') app.get(RefreshWorker).start();
    if (environment.runMode !== 'worker') serveApiReference(app);
    await app.listen(environment.port, environment.host);
    return {
      app,
      url: await app.getUrl(),
      async stop() {
        await app.close();
        await database.leave();
      },
    };
  } catch (error) {
    await database.leave();
    throw error;
  }
}

function levelsFrom(level: Environment['logLevel']): LogLevel[] {
  const levels = ['fatal', 'error', 'warn', 'log', 'debug'] as const;
  return levels.slice(0, levels.indexOf(level === 'info' ? 'log' : level) + 1);
}
