import type { AttemptCounts, HistogramValues, ResultCounts, WorkerMetrics } from '@app/metadata-refresh';
import type { ReadMetrics, Sample } from './read-metrics.js';

/** Metrics of the requests, results and batches of this process. */
export function registerRefreshMetrics(
  metrics: ReadMetrics,
  { attempts, results, worker }: { attempts: AttemptCounts; results: ResultCounts; worker: WorkerMetrics },
): void {
  metrics.counter('nft_refresh_metadata_requests_total', 'Requests to metadata hosts, by outcome and reason.', () =>
    attempts.read().map(({ outcome, reason, count }) => [{ outcome, reason }, count]),
  );
  metrics.histogram(
    'nft_refresh_metadata_request_duration_seconds',
    'Duration of requests to metadata hosts, by class of the host.',
    () => attempts.readMeasurements().map(({ hostClass, seconds }) => [{ class: hostClass }, seconds]),
  );
  metrics.histogram(
    'nft_refresh_metadata_response_bytes',
    'Bytes of the response bodies of metadata hosts, by class of the host.',
    () => attempts.readMeasurements().map(({ hostClass, bytes }) => [{ class: hostClass }, bytes]),
  );
  metrics.counter('nft_refresh_results_total', 'Tokens of refreshes that ended, by verdict and reason.', () =>
    results.read().map(({ verdict, reason, count }) => [{ verdict, reason }, count]),
  );
  metrics.histogram(
    'nft_refresh_duration_seconds',
    'Duration of the refreshes that this process has completed, by size.',
    () => byLabel('size', results.readDurations()),
  );
  registerWorkerMetrics(metrics, worker);
}

function registerWorkerMetrics(metrics: ReadMetrics, worker: WorkerMetrics): void {
  metrics.histogram('nft_refresh_claim_duration_seconds', 'How long claims took in the database, by kind.', () =>
    byLabel('kind', worker.read().claimSeconds),
  );
  metrics.histogram('nft_refresh_claim_tokens', 'Tokens of one claim, of claims that found any.', () => [
    [{}, worker.read().claimTokens],
  ]);
  metrics.histogram('nft_refresh_completion_duration_seconds', 'Duration of writing a batch of results, by kind.', () =>
    byLabel('kind', worker.read().completionSeconds),
  );
  metrics.histogram('nft_refresh_completion_results', 'Results of one batch, by kind.', () =>
    byLabel('kind', worker.read().completionResults),
  );
  metrics.counter(
    'nft_refresh_lost_claims_total',
    'Tokens whose claim was lost, counted by the process that has claimed them again.',
    () => [[{}, worker.read().lostTokens]],
  );
  metrics.counter(
    'nft_refresh_dropped_results_total',
    'Results that were dropped, because another process had claimed their tokens meanwhile.',
    () => [[{}, worker.read().droppedResults]],
  );
  metrics.counter('nft_refresh_cooldowns_total', 'Cooldowns of metadata hosts that began, by class of the host.', () =>
    byLabel('class', worker.read().cooldowns),
  );
  metrics.counter('nft_refresh_database_errors_total', 'Database errors of the worker, by operation.', () =>
    byLabel('operation', worker.read().failures),
  );
}

function byLabel<Value extends number | HistogramValues>(
  label: string,
  values: ReadonlyMap<string, Value>,
): Sample<Value>[] {
  return Array.from(values, ([name, value]) => [{ [label]: name }, value]);
}
