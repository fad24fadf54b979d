import { entityManagerOf } from '@app/database';
import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { AttemptCounts } from './attempt-counts.js';
import { ResultCounts } from './result-counts.js';
import { RefreshRunner } from './refresh-runner.js';
import { CollectionRecords } from './collection-records/collection-records.js';
import { CollectionRefreshQueue } from './collection-records/collection-refresh-queue.js';
import { BoundedReads } from './bounded-reads.js';
import { BulkPause } from './bulk-pause.js';
import {
  METADATA_REFRESH_CONFIG,
  metadataRefreshOptions,
  type MetadataRefreshOptions,
} from './metadata-refresh.options.js';
import { MetadataRefreshService } from './metadata-refresh.service.js';
import { MetadataPush } from './push/metadata-push.js';
import { PushTransaction } from './push/push-transaction.js';
import { StackPush } from './push/stack-push.js';
import { FailureOverview } from './overview/failure-overview.js';
import { HostOverview } from './overview/host-overview.js';
import { ProjectUsage } from './overview/project-usage.js';
import { RefreshPages } from './overview/refresh-pages.js';
import { ServiceOverview } from './overview/service-overview.js';
import { ServiceProblems } from './overview/service-problems.js';
import { TokenResponses } from './overview/token-responses.js';
import { OwnedCollections } from './owned-collections.js';
import { RefreshAdmission } from './refresh-admission.js';
import { RefreshControl } from './refresh-control.js';
import { RefreshEnqueuer } from './refresh-enqueuer.js';
import { RefreshEstimator } from './refresh-estimator.js';
import { ProjectRefreshLimits } from './refresh-limits.js';
import { ScheduledRefreshes } from './scheduled-refreshes.js';
import { SelectedChunks } from './selected-chunks.js';
import { Completion } from './completion/completion.js';
import { CompletionTransaction } from './completion/completion-transaction.js';
import { RecordWrites } from './completion/record-writes.js';
import { RefreshQueue } from './refresh-queue.js';
import { RefreshQuota } from './refresh-quota.js';
import { RefreshReader } from './refresh-reader.js';
import { Refreshes } from './refreshes.js';
import { RefreshTokensReader } from './refresh-tokens-reader.js';
import { RefreshRetention } from './refresh-retention.js';
import { EndedHolds } from './ended-holds.js';
import { TokenRestore } from './token-restore.js';
import { TokenVersions } from './token-versions.js';
import { RevealControl } from './reveals/reveal-control.js';
import { RevealPreviewReader } from './reveals/reveal-preview-reader.js';
import { RevealPublication } from './reveals/reveal-publication.js';
import { RevealReader } from './reveals/reveal-reader.js';
import { RevealReversion } from './reveals/reveal-reversion.js';
import { RevealRetention } from './reveals/reveal-retention.js';
import { RevealStaging } from './reveals/reveal-staging.js';
import { RevealSweep } from './reveals/reveal-sweep.js';
import { Reveals } from './reveals/reveals.js';
import { RefreshRetry } from './refresh-retry.js';
import { RefreshSweep } from './refresh-sweep.js';
import { HostTurns } from './validation/host-turns.js';
import { RefreshValidation } from './validation/refresh-validation.js';
import { HostWorkers } from './worker/host-workers.js';
import { WorkerReports } from './worker/worker-reports.js';
import { RefreshListener } from './worker/refresh-listener.js';
import { RefreshWorker } from './worker/refresh-worker.js';
import { QueueStatusReader } from './queue-status.js';
import { WorkerMetrics } from './worker-metrics.js';

/** Settings that determine the module's providers. */
export interface MetadataRefreshExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
  /**
   * The name of the host application's MikroORM connection to the database with our tables. Default: the connection
   * without a name.
   */
  contextName?: string | undefined;
  /**
   * Whether this process runs a worker and deletes expired refreshes once an hour. Default false: the host calls
   * `RefreshWorker` and `RefreshRetention` itself, or this process only accepts refreshes that other processes work on.
   */
  runWorker?: boolean;
}

const NAME = 'MetadataRefreshModule';
const STANDARD_EXTRAS = {
  isGlobal: true,
  contextName: undefined,
  runWorker: false,
};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataRefreshOptions>({
  moduleName: 'MetadataRefresh',
  optionsInjectionToken: Symbol('MetadataRefreshOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<MetadataRefreshExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames(NAME, module, given, {
      options: metadataRefreshOptions.names,
      extras: Object.keys(STANDARD_EXTRAS),
    });
    const { isGlobal = true, contextName, runWorker } = given;
    return {
      ...module,
      global: isGlobal,
      providers: [
        ...(module.providers ?? []),
        entityManagerOf({
          module: NAME,
          contextName,
          singletonReason: 'There would be two workers in one process, and two sets of options.',
        }),
        ...(runWorker ? [RefreshRunner] : []),
      ],
    };
  })
  .build();

/** Refreshes, their items, the queue and its worker. Needs TokenStoreModule and MetadataFetchModule. */
@Module({
  providers: [
    {
      provide: METADATA_REFRESH_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: MetadataRefreshOptions) => metadataRefreshOptions.complete(given),
    },
    MetadataRefreshService,
    OwnedCollections,
    MetadataPush,
    StackPush,
    PushTransaction,
    ProjectRefreshLimits,
    RefreshAdmission,
    RefreshEnqueuer,
    RefreshEstimator,
    ScheduledRefreshes,
    SelectedChunks,
    RefreshQuota,
    RefreshReader,
    RefreshTokensReader,
    RefreshQueue,
    Completion,
    CompletionTransaction,
    RecordWrites,
    RefreshSweep,
    RefreshControl,
    RefreshRetry,
    RefreshRetention,
    Refreshes,
    TokenVersions,
    TokenRestore,
    EndedHolds,
    RevealReader,
    RevealRetention,
    RevealStaging,
    RevealPreviewReader,
    RevealPublication,
    RevealReversion,
    RevealControl,
    RevealSweep,
    Reveals,
    CollectionRecords,
    CollectionRefreshQueue,
    RefreshListener,
    HostWorkers,
    WorkerReports,
    RefreshWorker,
    AttemptCounts,
    ResultCounts,
    WorkerMetrics,
    QueueStatusReader,
    BulkPause,
    BoundedReads,
    HostTurns,
    RefreshValidation,
    FailureOverview,
    HostOverview,
    ProjectUsage,
    ServiceOverview,
    ServiceProblems,
    RefreshPages,
    TokenResponses,
  ],
  exports: [
    AttemptCounts,
    CollectionRecords,
    BoundedReads,
    ResultCounts,
    MetadataRefreshService,
    QueueStatusReader,
    Refreshes,
    RefreshRetention,
    RefreshWorker,
    Reveals,
    TokenVersions,
    WorkerMetrics,
    FailureOverview,
    HostOverview,
    ProjectUsage,
    ServiceOverview,
    ServiceProblems,
    RefreshPages,
    TokenResponses,
    RefreshTokensReader,
  ],
})
export class MetadataRefreshModule extends ConfigurableModuleClass {
  static override forRoot(options: MetadataRefreshOptions & MetadataRefreshExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
