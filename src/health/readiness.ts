import { setTimeout as later } from 'node:timers/promises';
import { ChainStatuses } from '@app/chain-events';
import { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { WorkerProcesses } from '../workers/worker-processes.js';

/** Far above the response time of a healthy database. A probe fails within two seconds when the database is gone. */
const DATABASE_TIMEOUT_MS = 1500;

/** Whether a load balancer may send traffic to this process. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private isStopping = false;
  private pending: Promise<boolean> | undefined;

  constructor(
    private readonly em: EntityManager,
    private readonly workers: WorkerProcesses,
    private readonly chains: ChainStatuses,
  ) {}

  /** What is missing. Empty if the process is ready. */
  async missing(): Promise<string[]> {
    if (this.isStopping) return ['the service is stopping'];
    const isAvailable = await this.isDatabaseUp();
    const { expected, running } = this.workers;
    return [
      ...(isAvailable ? [] : ['the database does not respond']),
      ...(expected > 0 && running === 0 ? ['no worker process runs'] : []),
    ];
  }

  /** Whether the database responds in time. */
  isDatabaseUp(): Promise<boolean> {
    return Promise.race([this.isDatabaseAvailable(), later(DATABASE_TIMEOUT_MS, false, { ref: false })]);
  }

  /** What does not work although the process is ready, as sentences. */
  async degraded(): Promise<string[]> {
    const failing = await Promise.race([
      this.chains.listFailing().catch(() => []),
      later(DATABASE_TIMEOUT_MS, [], { ref: false }),
    ]);
    return failing.map(
      ({ chainId, failingSince, lastError }) =>
        `chain ${chainId} is not read since ${failingSince.toISOString()}: ${lastError}`,
    );
  }

  /** One query at a time, however many probes: with a silent database, each query holds a connection. */
  private isDatabaseAvailable(): Promise<boolean> {
    this.pending ??= this.query().finally(() => (this.pending = undefined));
    return this.pending;
  }

  /** Uses the pool that serves requests. MikroORM's `isConnected` covers only the connection that it opened itself. */
  private async query(): Promise<boolean> {
    try {
      await sql`select 1`.execute(this.em.getKysely());
      return true;
    } catch {
      return false;
    }
  }

  onModuleDestroy(): void {
    this.isStopping = true;
  }
}
