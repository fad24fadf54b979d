import { describeDatabaseError } from '@app/database';
import { ModuleLogger } from '@app/logging';
import { DatabaseBackoff } from '../database-backoff.js';
import type { WorkerMetrics, WorkerOperation } from '../metrics/worker-metrics.js';

/** The operations of the worker, as they are named in the log when they fail. */
const OPERATIONS = {
  'claim failed': 'claim',
  'host heartbeat failed': 'heartbeat',
  'writing results failed': 'completion',
} as const satisfies Record<string, WorkerOperation>;
export type DatabaseOperation = keyof typeof OPERATIONS;

/** Logs failed operations of the worker's loops, and backs off until they succeed again. */
export class DatabaseErrors {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private readonly backoff = new DatabaseBackoff();

  constructor(
    private readonly metrics: WorkerMetrics,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Remaining back-off; 0 without errors. */
  get backoffMs(): number {
    return this.backoff.remainingMs();
  }

  recordFailure(operation: DatabaseOperation, error: unknown): void {
    this.metrics.recordFailure(OPERATIONS[operation]);
    if (this.backoff.recordFailure(operation)) {
      this.logger.error({ msg: operation, error: describeDatabaseError(error) });
    }
    this.onError(error);
  }

  recordSuccess(operation: DatabaseOperation): void {
    if (this.backoff.recordSuccess(operation)) this.logger.log({ msg: 'database available again' });
  }
}
