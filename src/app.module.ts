import { NftRefreshConsoleModule } from '@app/console';
import { MetadataEventsModule } from '@app/metadata-events';
import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { NftRefreshModule, type NftRefreshExtras } from '../libs/index.js';
import type { Environment } from './config/environment.js';
import type { AllModuleOptions } from './config/option-variables.js';
import { connectionLimits, idleLimit } from './database/connection-limits.js';
import { ormModule } from './database/orm-module.js';
import { HealthModule } from './health/health.module.js';
import { ListingsModule } from './listings/listings.module.js';
import { ObservedOperationsModule } from './log/observed-operations.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { ProcessMetrics } from './metrics/process-metrics.js';
import { DeliverySchedule, WatcherSchedule, WorkerSchedule } from './schedule.js';
import { WorkersModule } from './workers/workers.module.js';

/** Options that win over the environment, and those without a variable: for tests, benchmarks and other programs. */
export interface AppOptions
  extends AllModuleOptions, Omit<NftRefreshExtras, 'runMode' | 'runWorker' | 'contextName' | 'isGlobal'> {
  /** Removes the timeout of statements, for a program whose statements run for minutes. */
  statementsTakeLong?: boolean;
}

type ConnectedEnvironment = Environment & { databaseUrl: string };

/** A marketplace indexer: a host application of NftRefreshModule like any other. */
@Module({})
export class AppModule {
  /** With two workers or more it runs none itself: `WorkerProcesses.start` starts their processes. */
  static forRoot(
    environment: ConnectedEnvironment,
    { metadataEvents, console, ...options }: AppOptions = {},
  ): DynamicModule {
    const { runMode, workers } = environment;
    return {
      module: AppModule,
      imports: [
        ...refreshing(environment, options),
        MetadataEventsModule.forRoot({ ...environment.options.metadataEvents, ...metadataEvents }),
        WorkersModule,
        HealthModule,
        MetricsModule,
        ...(runMode === 'worker' ? [] : [ListingsModule, ObservedOperationsModule]),
        ...(environment.hasConsole
          ? [NftRefreshConsoleModule.forRoot({ ...environment.options.console, ...console })]
          : []),
      ],
      providers:
        runMode === 'api' ? [] : [DeliverySchedule, WatcherSchedule, ...(workers === 1 ? [WorkerSchedule] : [])],
    };
  }

  /** What a worker process runs: no routes, no delivery of events and no retention. It writes events into the outbox. */
  static forWorkerProcess(environment: ConnectedEnvironment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ...refreshing({ ...environment, runMode: 'worker' }),
        MetadataEventsModule.forRoot(environment.options.metadataEvents),
      ],
      providers: [WorkerSchedule, ProcessMetrics],
    };
  }
}

function refreshing(
  environment: ConnectedEnvironment,
  { statementsTakeLong = false, ...options }: Omit<AppOptions, 'metadataEvents' | 'console'> = {},
): NonNullable<DynamicModule['imports']> {
  return [
    ormModule(environment, statementsTakeLong ? idleLimit : connectionLimits),
    ScheduleModule.forRoot(),
    NftRefreshModule.forRoot({
      exposeTokenRoutes: environment.exposeTokenRoutes,
      exposeCollectionRoutes: environment.exposeCollectionRoutes,
      exposeWebhookRoutes: environment.exposeWebhookRoutes,
      zkevmApiPath: environment.exposeZkevmRoutes ? 'v1' : false,
      ownsProjectApiPath: true,
      ...options,
      projectAuth: { ...environment.options.projectAuth, ...options.projectAuth },
      safeHttp: { ...environment.options.safeHttp, ...options.safeHttp },
      metadataFetch: { ...environment.options.metadataFetch, ...options.metadataFetch },
      metadataRefresh: { ...environment.options.metadataRefresh, ...options.metadataRefresh },
      chainEvents: { ...environment.options.chainEvents, ...options.chainEvents },
      refreshApi: { ...environment.options.refreshApi, ...options.refreshApi },
      runMode: environment.runMode,
      runWorker: false, // WorkerSchedule and WatcherSchedule run what is needed.
    }),
  ];
}
