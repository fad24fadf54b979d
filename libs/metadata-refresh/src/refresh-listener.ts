import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { receivesNotifications } from './notification-test.js';
import { INTERACTIVE, REFRESH_CHANNEL } from './refresh-queue.js';

/** What stands between us and the database may be set up in another way by then. */
const TEST_AGAIN_AFTER_MS = 600_000;

/**
 * Hears of accepted refreshes, through LISTEN on a connection of its own. Only a wake-up: what is lost while the
 * connection is down is found by the next poll.
 */
@Injectable()
export class RefreshListener {
  private readonly logger = new Logger('MetadataRefresh');
  private onRefresh: ((isInteractive: boolean) => void) | undefined;
  private connection: Promise<PoolClient | null> | undefined;
  /** And that has been logged. */
  private isLost = false;
  /** While notifications do not arrive: when to try again. */
  private testAgainAt = 0;

  constructor(private readonly em: EntityManager) {}

  listen(onRefresh: (isInteractive: boolean) => void): void {
    this.onRefresh = onRefresh;
    this.keepListening();
  }

  /** Listens again when the connection was lost. */
  keepListening(): void {
    if (this.onRefresh && performance.now() >= this.testAgainAt) this.connection ??= this.connect();
  }

  async stop(): Promise<void> {
    this.onRefresh = undefined;
    const client = await this.connection;
    this.connection = undefined;
    // Not given back: it would go on listening for whoever gets it next.
    client?.release(true);
  }

  private async connect(): Promise<PoolClient | null> {
    let client: PoolClient | undefined;
    try {
      const pool = await this.em.getConnection().getNativeClient();
      client = (await pool.connect()) as PoolClient;
      if (!(await receivesNotifications(client, pool as Pool))) {
        this.testAgainAt = performance.now() + TEST_AGAIN_AFTER_MS;
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
    // What was accepted before LISTEN was in force sent its notification to nobody.
    this.onRefresh?.(false);
    return listening;
  }

  private lose(error: Error): void {
    this.connection = undefined;
    if (!this.onRefresh || this.isLost) return;
    this.isLost = true;
    this.logger.warn({ msg: 'not listening for new refreshes, polling only', error: error.message });
  }
}
