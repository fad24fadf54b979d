export { MetadataRefreshModule } from './metadata-refresh.module.js';
export type { MetadataRefreshExtras } from './metadata-refresh.module.js';
export { metadataRefreshOptions } from './metadata-refresh.options.js';
export type { MetadataRefreshOptions } from './metadata-refresh.options.js';
export { EventOutbox } from './event-outbox.js';
export type {
  RecordedBlock,
  RecordedReversion,
  RecordedChange,
  RecordedCompletion,
  RecordedPublication,
  RecordedReveal,
} from './event-outbox.js';
export { MetadataRefreshService } from './metadata-refresh.service.js';
export type {
  ControlRequest,
  OwnToken,
  RefreshLimits,
  RestoreRequest,
  ValidationRequest,
} from './metadata-refresh.service.js';
export type { RetryRequest } from './admission/refresh-retry.js';
export type {
  CollectionRefreshRequest,
  Receipt,
  RefreshEstimate,
  RefreshRequest,
  RefreshTiming,
  RequestConditions,
  WantedTokens,
} from './admission/refresh-request.js';
export { PUSHED_FIELDS } from './push/push-request.js';
export type {
  PushedField,
  PushedMetadata,
  PushedStack,
  PushedToken,
  PushReceipt,
  PushConditions,
  PushRequest,
  StackPushRequest,
} from './push/push-request.js';
export { EmptyMetadata, StacksNotFound, StacksTooLarge } from './push/metadata-push.errors.js';
export type { Ownership } from './admission/owned-collections.js';
export type { RefreshingProject } from './admission/refresh-limits.js';
export type { Idempotency } from './admission/idempotency.js';
export type { Admission } from './control/refresh-control.js';
export { VALIDATION_VERDICTS } from './validation/validation.js';
export { toValidationObject } from './validation/validation-object.js';
export type { ValidationObject } from './validation/validation-object.js';
export type {
  ChargedValidation,
  NoResultReason,
  TokenValidation,
  Validation,
  ValidationError,
  ValidationVerdict,
} from './validation/validation.js';
export { CollectionRecords } from './collection-records/collection-records.js';
export type { CollectionRefreshState } from './collection-records/collection-refresh-queue.js';
export { AttemptCounts } from './metrics/attempt-counts.js';
export type { AttemptCount, RequestMeasurements } from './metrics/attempt-counts.js';
export type { ReadScope } from './overview/read-scope.js';
export { BoundedReads, ReadGate } from './receipt/bounded-reads.js';
export { ResultCounts } from './metrics/result-counts.js';
export type { CountedResults, RefreshSize } from './metrics/result-counts.js';
export { WorkerMetrics } from './metrics/worker-metrics.js';
export type { ClaimKind, CompletionKind, WorkerMeasurements, WorkerOperation } from './metrics/worker-metrics.js';
export type { HistogramValues } from './metrics/histogram.js';
export type { HostClass } from './metrics/host-class.js';
export { QueueStatusReader } from './queue/queue-status.js';
export type { LaneStatus, QueueStatus, WaitingTokens } from './queue/queue-status.js';
export { Refreshes } from './receipt/refreshes.js';
export type { FailureCount, ProjectRefresh, ProjectRefreshDetails, RefreshFilter } from './receipt/refreshes.js';
export { Reveals } from './reveals/reveals.js';
export type { CollectionRevealRequest } from './reveals/reveals.js';
export { toRevealObject } from './reveals/reveal-object.js';
export { toLintObject, toRevealChangesObject, toRevealTokenObject } from './reveals/reveal-preview-object.js';
export { BLOCKED_REASONS, requiredTokens, REVEAL_STATES } from './reveals/reveal.js';
export type {
  BlockedReason,
  PublishOptions,
  Reveal,
  RevealOutcome,
  RevealPlan,
  RevealPublication,
  RevealReceipt,
  RevealReference,
  RevealRequest,
  RevealState,
  Reversion,
  RevertOptions,
  RevertOutcome,
} from './reveals/reveal.js';
export { LINT_MESSAGES } from './reveals/reveal-lint.js';
export type { LintFinding } from './reveals/reveal-lint.js';
export type {
  PublicationEffect,
  RevealChanges,
  RevealToken,
  RevealTraits,
  StagedChange,
  StagedTokenPage,
  StagedTokenQuery,
  StagedTokenRow,
} from './reveals/reveal-preview.js';
export type { ShownRecord } from './shown-record.js';
export type { RevealListFilter } from './reveals/reveal-reader.js';
export {
  InvalidReveal,
  RevealDocumentsDeleted,
  RevealEnded,
  RevealInProgress,
  RevealNotFound,
  RevealNotReady,
  RevealNotRevertible,
  TokenNotInReveal,
} from './reveals/reveals.errors.js';
export { RefreshRetention } from './refresh-retention.js';
export type { DeletedRows } from './refresh-retention.js';
export type { Restoration, RestoredVersion } from './versions/token-restore.js';
export { TokenVersions } from './versions/token-versions.js';
export type { KeptVersion, VersionDifference, VersionRange } from './versions/token-versions.js';
export { RefreshWorker } from './worker/refresh-worker.js';
export type {
  Attempt,
  Cooldown,
  ReasonCount,
  Refresh,
  RefreshDetails,
  RefreshError,
  RefreshListFilter,
  RefreshStatus,
} from './receipt/refresh-reader.js';
export { RefreshTokensReader } from './receipt/refresh-tokens-reader.js';
export { FAILURE_GROUPS, FailureOverview } from './overview/failure-overview.js';
export type {
  FailedToken,
  FailedTokenPage,
  FailureFilter,
  FailureGroup,
  FailureGrouping,
  FailureGroups,
} from './overview/failure-overview.js';
export { HostOverview } from './overview/host-overview.js';
export type {
  AlarmingState,
  BoundedCount,
  HostMember,
  HostMinute,
  HostSummary,
  ListedHost,
  PastCooldown,
  WaitingCollection,
} from './overview/host-overview.js';
export { ProjectUsage } from './overview/project-usage.js';
export type { ProjectUse } from './overview/project-usage.js';
export { ServiceOverview } from './overview/service-overview.js';
export type { HostCooldown, KnownWorker, OldestDue, ServiceMinute } from './overview/service-overview.js';
export { ServiceProblems } from './overview/service-problems.js';
export type { QueueProblems } from './overview/service-problems.js';
export { RefreshPages } from './overview/refresh-pages.js';
export type {
  DetailedRefresh,
  FailureExample,
  ReasonTokens,
  RefreshPage,
  RefreshPageQuery,
} from './overview/refresh-pages.js';
export { TokenResponses } from './overview/token-responses.js';
export type { TokenResponse } from './overview/token-responses.js';
export type {
  RefreshToken,
  RefreshTokenFilter,
  RefreshTokenPage,
  RefreshTokenQuery,
  TokenState,
} from './receipt/refresh-tokens-reader.js';
export { CSV_HEADER, toCsv, toNdjson, toTokenObject } from './receipt/refresh-token-object.js';
export type { RefreshTokenObject } from './receipt/refresh-token-object.js';
export type { Speed } from './receipt/refresh-speed.js';
export { adviceFor } from './receipt/reason-advice.js';
export { adviceOf, adviceOfState } from './receipt/refresh-advice.js';
export { isRefreshReason, REFRESH_ERROR_CODES, REFRESH_REASONS } from './refresh-reason.js';
export type { RefreshReason } from './refresh-reason.js';
export type { EventTriggerDetail, RefreshEvent } from './refresh-event.js';
export { REFRESH_TRIGGERS, REQUESTED_TRIGGERS } from './refresh-trigger.js';
export type { RefreshTrigger } from './refresh-trigger.js';
export { VERDICT_NAMES } from './verdict.js';
export type { VerdictCounts, VerdictName } from './verdict.js';
export type { AttemptedRequest } from './completion/item-result.js';
export type { RefreshErrorCode } from './refresh-reason.js';
export type { Page, PagePosition, PageRequest } from './receipt/page.js';
export {
  CollectionAmbiguous,
  CollectionBusy,
  CollectionNotFound,
  CollectionNotOwned,
  IdempotencyKeyReused,
  InvalidSchedule,
  NothingToRetry,
  OwnershipUnavailable,
  QuotaExceeded,
  ReadsBusy,
  RefreshAlreadyCompleted,
  RefreshCancelled,
  RefreshNotFound,
  RefreshPending,
  ScheduledRefreshesExceeded,
  SelectionEmpty,
  SelectionTooLarge,
  SourceNotSupported,
  TokensPerRequestExceeded,
  TokensNotFound,
  HoldNotFound,
  InvalidHold,
  TooManyTokensToValidate,
  ValidationsRunning,
  VersionNotFound,
  VersionNotKept,
} from './metadata-refresh.errors.js';
export type { QuotaState } from './metadata-refresh.errors.js';
export { metadataRefreshMigrations } from './migrations/index.js';
