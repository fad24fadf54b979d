import { entityManagerOf } from '@app/database';
import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { AttemptCounts } from './metrics/attempt-counts.js';
import { ResultCounts } from './metrics/result-counts.js';
import { RefreshRunner } from './worker/refresh-runner.js';
import { CollectionRecords } from './collection-records/collection-records.js';
import { CollectionRefreshQueue } from './collection-records/collection-refresh-queue.js';
import { BoundedReads } from './receipt/bounded-reads.js';
import { BulkPause } from './queue/bulk-pause.js';
import {
  METADATA_REFRESH_CONFIG,
  metadataRefreshOptions,
  type MetadataRefreshOptions,
} from './metadata-refresh.options.js';
import { MetadataRefreshService } from './metadata-refresh.service.js';
import { MetadataPush } from './push/metadata-push.js';
import { PushAdmission } from './push/push-admission.js';
import { PushTransaction } from './push/push-transaction.js';
import { StackPush } from './push/stack-push.js';
import { FailureOverview } from './overview/failure-overview.js';
import { HostOverview } from './overview/host-overview.js';
import { ProjectUsage } from './overview/project-usage.js';
import { RefreshPages } from './overview/refresh-pages.js';
import { ServiceOverview } from './overview/service-overview.js';
import { ServiceProblems } from './overview/service-problems.js';
import { TokenResponses } from './overview/token-responses.js';
import { OwnedCollections } from './admission/owned-collections.js';
import { RefreshAdmission } from './admission/refresh-admission.js';
import { RefreshControl } from './control/refresh-control.js';
import { RefreshEnqueuer } from './admission/refresh-enqueuer.js';
import { RefreshEstimator } from './admission/refresh-estimator.js';
import { ProjectRefreshLimits } from './admission/refresh-limits.js';
import { ScheduledRefreshes } from './admission/scheduled-refreshes.js';
import { SelectedChunks } from './admission/selected-chunks.js';
import { Completion } from './completion/completion.js';
import { CompletionTransaction } from './completion/completion-transaction.js';
import { RecordWrites } from './completion/record-writes.js';
import { RefreshQueue } from './queue/refresh-queue.js';
import { RefreshQuota } from './admission/refresh-quota.js';
import { RefreshReader } from './receipt/refresh-reader.js';
import { Refreshes } from './receipt/refreshes.js';
import { RefreshTokensReader } from './receipt/refresh-tokens-reader.js';
import { RefreshRetention } from './refresh-retention.js';
import { EndedHolds } from './versions/ended-holds.js';
import { TokenRestore } from './versions/token-restore.js';
import { TokenVersions } from './versions/token-versions.js';
import { RevealControl } from './reveals/reveal-control.js';
import { RevealPreviewReader } from './reveals/reveal-preview-reader.js';
import { RevealPublication } from './reveals/reveal-publication.js';
import { RevealReader } from './reveals/reveal-reader.js';
import { RevealReversion } from './reveals/reveal-reversion.js';
import { RevealRetention } from './reveals/reveal-retention.js';
import { RevealStaging } from './reveals/reveal-staging.js';
import { RevealSweep } from './reveals/reveal-sweep.js';
import { Reveals } from './reveals/reveals.js';
import { RefreshRetry } from './admission/refresh-retry.js';
import { RefreshSweep } from './control/refresh-sweep.js';
import { HostTurns } from './validation/host-turns.js';
import { RefreshValidation } from './validation/refresh-validation.js';
import { HostWorkers } from './worker/host-workers.js';
import { WorkerReports } from './worker/worker-reports.js';
import { RefreshListener } from './worker/refresh-listener.js';
import { RefreshWorker } from './worker/refresh-worker.js';
import { QueueStatusReader } from './queue/queue-status.js';
import { WorkerMetrics } from './metrics/worker-metrics.js';

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
    PushAdmission,
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
