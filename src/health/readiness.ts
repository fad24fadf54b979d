import { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** Longer than a healthy database needs by far. A probe hears of one that has gone within two seconds. */
const ANSWER_WITHIN_MS = 1500;

/** Whether this process may be sent traffic. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private isStopping = false;
  private asking: Promise<boolean> | undefined;

  constructor(private readonly em: EntityManager) {}

  /** What is missing; nothing when all is well. */
  async missing(): Promise<string[]> {
    if (this.isStopping) return ['the service is stopping'];
    const answers = await Promise.race([this.databaseAnswers(), later(ANSWER_WITHIN_MS, false)]);
    return answers ? [] : ['the database does not answer'];
  }

  /** One question at a time, however many probes: with a silent database each holds a connection. */
  private databaseAnswers(): Promise<boolean> {
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Through the pool that serves requests. MikroORM's `isConnected` tells only of a connection that it has opened itself. */
  private async ask(): Promise<boolean> {
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

const later = <T>(milliseconds: number, value: T) =>
  new Promise<T>((done) => setTimeout(done, milliseconds, value).unref());
