import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';

/** Whether this process may be sent traffic. */
@Injectable()
export class Readiness implements BeforeApplicationShutdown {
  private isStopping = false;

  constructor(private readonly orm: MikroORM) {}

  /** What is missing; nothing when all is well. */
  async missing(): Promise<string[]> {
    if (this.isStopping) return ['the service is stopping'];
    const isConnected = await this.orm.isConnected();
    return isConnected ? [] : ['the database does not answer'];
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }
}
