import type { Environment } from '../config/environment.js';
import type { MetricValues } from '../metrics/process-metrics.js';

/**
 * The settings of a worker process. They are those of the service, so that a process that is started again does not read an
 * `.env` that has changed since, and uses the embedded database without starting it.
 */
export interface WorkerSettings {
  /** From 1. */
  worker: number;
  environment: Environment & { databaseUrl: string };
}

/** From the service to a worker process. */
export type MessageToWorker = { kind: 'start'; settings: WorkerSettings } | { kind: 'stop' } | { kind: 'read metrics' };

/** From a worker process to the service. */
export type MessageFromWorker =
  { kind: 'ready' } | { kind: 'failed'; error: string } | { kind: 'metrics'; metrics: MetricValues };
