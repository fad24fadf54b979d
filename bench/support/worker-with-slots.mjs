// A worker process like that of `RUN_MODE=worker`, with another number of fetches at once: an option that a host sets in code
// and the environment does not. SLOTS is for the process; what a host takes is said
// with each collection.
import 'reflect-metadata';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MetadataRefreshModule, RefreshWorker } from '../../dist/libs/metadata-refresh/src/index.js';
import { AppModule } from '../../dist/src/app.module.js';
import { readEnvironment } from '../../dist/src/config/environment.js';
import { sayReady } from './processes.mjs';

const slots = Number(process.env.SLOTS);
const environment = readEnvironment(process.env);
const application = AppModule.forRoot(environment);
const app = await NestFactory.create(
  {
    ...application,
    imports: application.imports.map((imported) =>
      imported.module === MetadataRefreshModule ? MetadataRefreshModule.forRoot({ fetchConcurrency: slots }) : imported,
    ),
  },
  { logger: new ConsoleLogger({ json: true, logLevels: ['fatal', 'error', 'warn', 'log'] }) },
);
app.get(RefreshWorker).start();
await app.listen(environment.port, environment.host);
sayReady(await app.getUrl());

process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
