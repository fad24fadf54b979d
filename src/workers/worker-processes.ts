import { setTimeout as pause } from 'node:timers/promises';
import { exponentialDelay } from '@app/safe-http';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { MetricValues } from '../metrics/process-metrics.js';
import type { WorkerSettings } from './worker-messages.js';
import { WorkerProcess, type ProcessEnd } from './worker-process.js';

/** Between the end of a process and the next start: doubled with each crash in a row, from the first to the longest. */
const MIN_RESTART_DELAY_MS = 1000;
const MAX_RESTART_DELAY_MS = 30_000;
/** A process that has run for this long does not continue a row of crashes. */
const STABLE_AFTER_MS = 60_000;

/** A worker process ended before it was ready, when the service started. The message is for the operator and needs no stack. */
export class WorkerCannotStart extends Error {
  override readonly name = 'WorkerCannotStart';
}

/**
 * The worker processes of this service. Each one refreshes tokens and does nothing else; they share the work through the
 * database. A process that ends is started again, after a delay. All end with the service: in order when it stops, killed
 * when it exits without stopping, and in order by themselves when it was killed.
 */
@Injectable()
export class WorkerProcesses implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Service');
  /** By number. A process that has ended stays until the next one replaces it. */
  private readonly processes = new Map<number, WorkerProcess>();
  private readonly stopping = new AbortController();

  /** How many should run: 0 if the workers are not processes of their own. */
  get expected(): number {
    return this.processes.size;
  }

  get running(): number {
    return [...this.processes.values()].filter(({ isReady }) => isReady).length;
  }

  /** Starts `environment.workers` processes and waits until they are ready. Throws WorkerCannotStart. */
  async start(environment: WorkerSettings['environment']): Promise<void> {
    process.once('exit', this.killAll);
    const numbers = Array.from({ length: environment.workers }, (_, index) => index + 1);
    const settings = numbers.map((worker) => ({ worker, environment }));
    const started = settings.map((one) => this.startProcess(one));
    await Promise.all(started.map((one, index) => untilReady(one, numbers[index]!)));
    started.forEach((one, index) => void this.keepRunning(one, settings[index]!));
  }

  /** Of the processes that respond. */
  async readMetrics(): Promise<{ worker: number; metrics: MetricValues }[]> {
    const read = await Promise.all(
      [...this.processes].map(async ([worker, one]) => ({ worker, metrics: await one.readMetrics() })),
    );
    return read.flatMap(({ worker, metrics }) => (metrics ? [{ worker, metrics }] : []));
  }

  /** When a worker in this process stops, too: before the HTTP server waits for its last requests. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.processes.values()].map((one) => one.stop()));
    process.off('exit', this.killAll);
  }

  private startProcess(settings: WorkerSettings): WorkerProcess {
    const started = new WorkerProcess(settings);
    const { worker } = settings;
    this.processes.set(worker, started);
    void started.ready.then(() => this.logger.log({ msg: 'worker process started', worker, pid: started.pid }));
    return started;
  }

  private async keepRunning(first: WorkerProcess, settings: WorkerSettings): Promise<void> {
    for (let [running, failures] = [first, 0]; ; running = this.startProcess(settings)) {
      const startedAt = performance.now();
      const end = await running.ended;
      if (this.stopping.signal.aborted) return;
      failures = performance.now() - startedAt < STABLE_AFTER_MS ? failures + 1 : 1;
      const delayMs = exponentialDelay(failures, { base: MIN_RESTART_DELAY_MS, max: MAX_RESTART_DELAY_MS });
      this.logger.error({
        msg: 'worker process ended; it will be restarted',
        worker: settings.worker,
        pid: running.pid,
        ...end,
        retryInSeconds: delayMs / 1000,
      });
      await pause(delayMs, undefined, { signal: this.stopping.signal }).catch(() => {});
      if (this.stopping.signal.aborted) return;
    }
  }

  private readonly killAll = () => {
    for (const one of this.processes.values()) one.kill();
  };
}

async function untilReady(started: WorkerProcess, worker: number): Promise<void> {
  const end = await Promise.race([started.ready, started.ended]);
  if (end) throw new WorkerCannotStart(`Worker process ${worker} cannot start: ${describe(end)}`);
}

function describe({ error, exitCode, signal }: ProcessEnd): string {
  if (error !== undefined) return error;
  return signal ? `it was ended by ${signal}.` : `it ended with status ${exitCode}.`;
}
