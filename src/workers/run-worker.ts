// A worker process: refreshes tokens until the service, which started it, tells it to stop.
import 'reflect-metadata';
import { Logger, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module.js';
import { ServiceLogger } from '../log/service-logger.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';
import { SHUTDOWN_TIMEOUT_MS } from '../stop-signal.js';
import type { MessageFromWorker, MessageToWorker, WorkerSettings } from './worker-messages.js';

let application: Promise<INestApplicationContext> | undefined;
let isStopping = false;

// A terminal sends these to all processes of the service. The service then tells this one to stop.
process.on('SIGINT', () => {}).on('SIGHUP', () => {});
process.on('SIGTERM', () => void stop());
// The service was killed.
process.once('disconnect', () => void stop());
process.on('message', (message: MessageToWorker) => {
  switch (message.kind) {
    case 'start':
      return void start(message.settings);
    case 'stop':
      return void stop();
    case 'read metrics':
      return void sendMetrics();
  }
});
if (!process.connected) await stop();

async function start({ worker, environment }: WorkerSettings): Promise<void> {
  const logger = ServiceLogger.of(environment, worker);
  Logger.overrideLogger(logger);
  application ??= NestFactory.createApplicationContext(AppModule.forWorkerProcess(environment), {
    logger,
    abortOnError: false,
  });
  try {
    await application;
    send({ kind: 'ready' });
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send({ kind: 'failed', error: text }, () => process.exit(1));
  }
}

/** Releases what the worker holds, and exits. */
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  // Unreferenced, so that a stopped process does not wait for the timer.
  setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS).unref();
  await (await application)?.close();
  process.exit(0);
}

async function sendMetrics(): Promise<void> {
  const metrics = (await application)?.get(ProcessMetrics);
  if (metrics) send({ kind: 'metrics', metrics: await metrics.read() });
}

/** To a service that was killed, sends nothing. */
function send(message: MessageFromWorker, onSent = () => {}): void {
  if (process.connected) process.send!(message, undefined, {}, onSent);
  else onSent();
}
