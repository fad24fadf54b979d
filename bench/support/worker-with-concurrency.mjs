// A worker process like `RUN_MODE=worker` with FETCH_CONCURRENCY concurrent fetches, an option without an environment variable of
// the service.
import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MetadataRefreshModule, RefreshWorker } from '../../dist/libs/metadata-refresh/src/index.js';
import { AppModule } from '../../dist/src/app.module.js';
import { readEnvironment } from '../../dist/src/config/environment.js';
import { reportReady } from './processes.mjs';

const fetchConcurrency = Number(process.env.FETCH_CONCURRENCY);
const environment = readEnvironment(process.env);
const application = AppModule.forRoot(environment);
const app = await NestFactory.create(
  {
    ...application,
    imports: application.imports.map((imported) =>
      imported.module === MetadataRefreshModule ? MetadataRefreshModule.forRoot({ fetchConcurrency }) : imported,
    ),
  },
  { logger: new ConsoleLogger({ json: true, logLevels: ['fatal', 'error', 'warn', 'log'] }) },
);
app.get(RefreshWorker).start();
await app.listen(environment.port, environment.host);
reportReady(await app.getUrl());

process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
