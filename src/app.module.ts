import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { MetadataEventsModule, type MetadataEventsOptions } from '@app/metadata-events';
import { MetadataFetchModule, type MetadataFetchOptions } from '@app/metadata-fetch';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { ProjectAuthModule, type ProjectAuthOptions } from '@app/project-auth';
import { RefreshApiModule, type RefreshApiExtras, type RefreshApiOptions } from '@app/refresh-api';
import { SafeHttpModule, type SafeHttpOptions } from '@app/safe-http';
import { TokenStoreModule } from '@app/token-store';
import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import type { Environment } from './config/environment.js';
import { connectionLimits, idleLimit } from './database/connection-limits.js';
import { connectionTo } from './database/database-client.js';
import { HealthModule } from './health/health.module.js';
import { ListingsModule } from './listings/listings.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { CleanUpSchedule } from './schedule/clean-up-schedule.js';
import { DeliverySchedule } from './schedule/delivery-schedule.js';
import { WorkerSchedule } from './schedule/worker-schedule.js';

/** What the environment does not set: for a test, or a host that starts from here. */
export interface AppOptions {
  /** Statements may take long, such as those of the command line. */
  statementsTakeLong?: boolean;
  projectAuth?: ProjectAuthOptions;
  refreshApi?: RefreshApiOptions & RefreshApiExtras;
  safeHttp?: SafeHttpOptions;
  metadataFetch?: MetadataFetchOptions;
  metadataEvents?: MetadataEventsOptions;
}

/** A marketplace indexer: the libs put together, as any host would. */
@Module({})
export class AppModule {
  static forRoot(
    environment: Environment & { databaseUrl: string },
    {
      statementsTakeLong = false,
      projectAuth = {},
      refreshApi = {},
      safeHttp = {},
      metadataFetch = {},
      metadataEvents = {},
    }: AppOptions = {},
  ): DynamicModule {
    const servesHttp = environment.runMode !== 'worker';
    const works = environment.runMode !== 'api';
    const connection = connectionTo(environment.databaseUrl).ormOptions;
    return {
      module: AppModule,
      imports: [
        MikroOrmModule.forRoot({
          ...connection,
          driver: PostgreSqlDriver,
          autoLoadEntities: true,
          pool: { min: 0, max: 10 },
          driverOptions: { ...(statementsTakeLong ? idleLimit : connectionLimits), ...connection.driverOptions },
        }),
        ScheduleModule.forRoot(),
        ProjectAuthModule.forRoot(projectAuth),
        TokenStoreModule.forRoot({}),
        SafeHttpModule.forRoot({ allowedHosts: environment.fetchAllowedHosts, ...safeHttp }),
        MetadataFetchModule.forRoot({
          rpcUrls: environment.rpcUrls,
          ...(environment.ipfsGateways && { ipfsGateways: environment.ipfsGateways }),
          ...(environment.arweaveGateways && { arweaveGateways: environment.arweaveGateways }),
          ...metadataFetch,
        }),
        MetadataRefreshModule.forRoot({}),
        MetadataEventsModule.forRoot(metadataEvents),
        HealthModule,
        MetricsModule,
        ...(servesHttp
          ? [
              RefreshApiModule.forRoot({
                exposeTokenRoutes: true,
                ownsProjectApiPath: true,
                exposeCollectionRoutes: true,
                exposeWebhookRoutes: true,
                ...refreshApi,
              }),
              ListingsModule,
            ]
          : []),
      ],
      providers: works ? [WorkerSchedule, DeliverySchedule, CleanUpSchedule] : [],
    };
  }
}
