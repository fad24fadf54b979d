import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { REFRESH_CHANNEL } from './refresh-queue.js';

/**
 * Hears of accepted refreshes, through LISTEN on a connection of its own. Only a wake-up: what is lost while the
 * connection is down is found by the next poll.
 */
@Injectable()
export class WakeUp {
  private readonly logger = new Logger('MetadataRefresh');
  private onRefresh: (() => void) | undefined;
  private connection: Promise<PoolClient | null> | undefined;

  constructor(private readonly em: EntityManager) {}

  listen(onRefresh: () => void): void {
    this.onRefresh = onRefresh;
    this.keepListening();
  }

  /** Listens again when the connection was lost. */
  keepListening(): void {
    if (this.onRefresh) this.connection ??= this.connect();
  }

  async stop(): Promise<void> {
    this.onRefresh = undefined;
    const client = await this.connection;
    this.connection = undefined;
    // Not given back: it would go on listening for whoever gets it next.
    client?.release(true);
  }

  private async connect(): Promise<PoolClient | null> {
    try {
      const pool = await this.em.getConnection().getNativeClient();
      const client = (await pool.connect()) as PoolClient;
      client.once('error', (error) => this.lose(client, error));
      client.on('notification', () => this.onRefresh?.());
      await client.query(`listen ${REFRESH_CHANNEL}`);
      return client;
    } catch (error) {
      this.lose(null, error as Error);
      return null;
    }
  }

  private lose(client: PoolClient | null, error: Error): void {
    if (!this.onRefresh) return;
    this.logger.warn({ msg: 'not listening for new refreshes, polling only', error: error.message });
    this.connection = undefined;
    client?.release(true);
  }
}
