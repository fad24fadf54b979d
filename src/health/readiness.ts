import { MikroORM } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** Whether this process may be sent traffic. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  private isStopping = false;

  constructor(private readonly orm: MikroORM) {}

  /** What is missing; nothing when all is well. */
  async missing(): Promise<string[]> {
    if (this.isStopping) return ['the service is stopping'];
    const isConnected = await this.orm.isConnected();
    return isConnected ? [] : ['the database does not answer'];
  }

  onModuleDestroy(): void {
    this.isStopping = true;
  }
}
