import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** Longer than a healthy database needs by far; whoever probes wants to know soon. */
const ANSWER_WITHIN_MS = 2000;

/** Whether this process may be sent traffic. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private isStopping = false;
  private asking: Promise<boolean> | undefined;

  constructor(private readonly orm: MikroORM) {}

  /** What is missing; nothing when all is well. */
  async missing(): Promise<string[]> {
    if (this.isStopping) return ['the service is stopping'];
    const answers = await Promise.race([this.databaseAnswers(), later(ANSWER_WITHIN_MS, false)]);
    return answers ? [] : ['the database does not answer'];
  }

  /** One question at a time, however many probes: with a silent database each holds a connection. */
  private databaseAnswers(): Promise<boolean> {
    this.asking ??= this.orm.isConnected().finally(() => (this.asking = undefined));
    return this.asking;
  }

  onModuleDestroy(): void {
    this.isStopping = true;
  }
}

const later = <T>(milliseconds: number, value: T) =>
  new Promise<T>((done) => setTimeout(done, milliseconds, value).unref());
