import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MetricValues } from '../metrics/process-metrics.js';
import type { MessageFromWorker, MessageToWorker, WorkerSettings } from './worker-messages.js';

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));
/** Far above the time of a worker whose event loop is busy. */
const METRICS_TIMEOUT_MS = 1000;
/** Leaves the service time to complete its HTTP requests before it must end. */
const STOP_TIMEOUT_MS = 6000;

/** How a process ended. */
export interface ProcessEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** What the process, or the operating system, says about it. */
  error?: string;
}

/** One worker process, from its start to its end. */
export class WorkerProcess {
  readonly ready: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  isReady = false;
  private readonly child;
  private error: string | undefined;
  private onReady = () => {};
  private onMetrics = (_metrics: MetricValues) => {};

  constructor(settings: WorkerSettings) {
    // Unlike JSON, the structured clone keeps NaN and undefined.
    this.child = fork(PROGRAM, { serialization: 'advanced' });
    this.child.on('message', (message: MessageFromWorker) => this.receive(message));
    this.ready = new Promise((done) => (this.onReady = done));
    this.ended = new Promise((done) => {
      const end = (exitCode: number | null, signal: NodeJS.Signals | null) => {
        this.isReady = false;
        done({ exitCode, signal, ...(this.error !== undefined && { error: this.error }) });
      };
      this.child.once('exit', end);
      this.child.on('error', ({ message }) => {
        this.error ??= message;
        if (this.child.pid === undefined) end(null, null); // It could not be started.
      });
    });
    this.send({ kind: 'start', settings });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Null if the process does not respond in time. */
  async readMetrics(): Promise<MetricValues | null> {
    if (!this.isReady) return null;
    this.send({ kind: 'read metrics' });
    const { onMetrics } = this;
    return new Promise((done) => {
      setTimeout(done, METRICS_TIMEOUT_MS, null).unref();
      this.onMetrics = (metrics) => {
        onMetrics(metrics); // of a concurrent call
        done(metrics);
      };
    });
  }

  /** Releases what the worker holds and ends the process, or kills it after a timeout. */
  async stop(): Promise<void> {
    this.send({ kind: 'stop' });
    const timeout = setTimeout(() => this.kill(), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timeout);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private receive(message: MessageFromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.isReady = true;
        return this.onReady();
      case 'failed':
        this.error = message.error;
        return;
      case 'metrics':
        this.onMetrics(message.metrics);
        this.onMetrics = () => {};
    }
  }

  /** To a process that has ended, sends nothing. */
  private send(message: MessageToWorker): void {
    if (this.child.connected) this.child.send(message, () => {});
  }
}
