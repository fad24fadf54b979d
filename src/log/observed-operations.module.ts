import { RequestObserver } from '@app/refresh-api';
import { Module, type NestModule } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';

/**
 * Gives the requests of probes and of Prometheus an id and a line of the log, and no span: they come every few seconds. For processes
 * that serve the API.
 */
@Module({})
export class ObservedOperationsModule implements NestModule {
  constructor(private readonly modules: ModuleRef) {}

  /** Nest calls this before it registers routes. */
  configure(): void {
    const requests = this.modules.get(RequestObserver, { strict: false });
    for (const path of ['health', 'metrics']) {
      requests.observeBelow(ObservedOperationsModule, path, { isTraced: false });
    }
  }
}
