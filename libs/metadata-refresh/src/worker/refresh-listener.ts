import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { receivesNotifications } from './notification-check.js';
import { INTERACTIVE, REFRESH_CHANNEL } from '../queue/refresh-queue.js';

/** A pooler between the worker and the database may have been reconfigured by then. */
const RETEST_INTERVAL_MS = 600_000;

/**
 * Receives a notification for each accepted refresh, through LISTEN on a connection of its own. This is only a wake-up:
 * refreshes that are accepted while the connection is down are found by the next poll.
 */
@Injectable()
export class RefreshListener {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  private onRefresh: ((isInteractive: boolean) => void) | undefined;
  private connection: Promise<PoolClient | null> | undefined;
  /** Whether the loss of the connection has been logged. */
  private isLost = false;
  /** While notifications do not arrive: when to test again. */
  private retestAt = 0;

  constructor(private readonly em: EntityManager) {}

  listen(onRefresh: (isInteractive: boolean) => void): void {
    this.onRefresh = onRefresh;
    this.keepListening();
  }

  /** Reconnects when the connection was lost. */
  keepListening(): void {
    if (this.onRefresh && performance.now() >= this.retestAt) this.connection ??= this.connect();
  }

  async stop(): Promise<void> {
    this.onRefresh = undefined;
    const client = await this.connection;
    this.connection = undefined;
    // Close it: in the pool it would keep listening for its next user.
    client?.release(true);
  }

  private async connect(): Promise<PoolClient | null> {
    let client: PoolClient | undefined;
    try {
      const pool = await this.em.getConnection().getNativeClient();
      client = (await pool.connect()) as PoolClient;
      if (!(await receivesNotifications(client, pool as Pool))) {
        this.retestAt = performance.now() + RETEST_INTERVAL_MS;
        throw new Error('notifications do not arrive; is there a pooler in transaction mode?');
      }
      await client.query(`listen ${REFRESH_CHANNEL}`);
    } catch (error) {
      client?.release(true);
      this.lose(error as Error);
      return null;
    }
    const listening = client;
    listening.on('notification', ({ payload }) => this.onRefresh?.(payload === INTERACTIVE));
    listening.once('error', (error) => {
      if (!this.onRefresh) return;
      listening.release(true);
      this.lose(error);
    });
    this.isLost = false;
    // Refreshes that were accepted before LISTEN took effect were not notified.
    this.onRefresh?.(false);
    return listening;
  }

  private lose(error: Error): void {
    this.connection = undefined;
    if (!this.onRefresh || this.isLost) return;
    this.isLost = true;
    this.logger.warn({ msg: 'LISTEN does not work; polling for new refreshes', error: error.message });
  }
}
