import { describeDatabaseError } from '@app/database';
import { Logger } from '@nestjs/common';
import { DatabaseBackoff } from '../database-backoff.js';

/** An operation of the worker, as it is named in the log when it fails. */
export type DatabaseOperation = 'claim failed' | 'host heartbeat failed' | 'writing results failed';

/** Logs failed operations of the worker's loops, and backs off until they succeed again. */
export class DatabaseErrors {
  private readonly logger = new Logger('MetadataRefresh');
  private readonly backoff = new DatabaseBackoff();

  constructor(private readonly onError: (error: unknown) => void) {}

  /** Remaining back-off; 0 without errors. */
  get backoffMs(): number {
    return this.backoff.remainingMs();
  }

  recordFailure(operation: DatabaseOperation, error: unknown): void {
    if (this.backoff.recordFailure(operation)) {
      this.logger.error({ msg: operation, error: describeDatabaseError(error) });
    }
    this.onError(error);
  }

  recordSuccess(operation: DatabaseOperation): void {
    if (this.backoff.recordSuccess(operation)) this.logger.log({ msg: 'database available again' });
  }
}
