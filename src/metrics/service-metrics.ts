import { Injectable } from '@nestjs/common';
import { AggregatorRegistry, Registry } from 'prom-client';
import { WorkerProcesses } from '../workers/worker-processes.js';
import { ProcessMetrics, type MetricValues } from './process-metrics.js';
import { ReadMetrics } from './read-metrics.js';
import { registerSharedMetrics } from './shared-metrics.js';
import { SharedStatus } from './shared-status.js';

/** The metrics of this process, of what all processes share, and of its worker processes with the label `worker`. */
@Injectable()
export class ServiceMetrics {
  private readonly registry = new Registry();

  constructor(
    private readonly process: ProcessMetrics,
    private readonly workers: WorkerProcesses,
    shared: SharedStatus,
  ) {
    const metrics = new ReadMetrics(this.registry);
    metrics.gauge('nft_refresh_worker_processes', 'Worker processes, by state.', () => {
      if (workers.expected === 0) return [];
      return [
        [{ state: 'expected' }, workers.expected],
        [{ state: 'running' }, workers.running],
      ];
    });
    registerSharedMetrics(metrics, shared);
  }

  /** In the text format of Prometheus. */
  async read(): Promise<string> {
    const [own, process, workers] = await Promise.all([
      this.registry.getMetricsAsJSON(),
      this.process.read(),
      this.workers.readMetrics(),
    ]);
    const labelled = workers.map(({ worker, metrics }) => withLabel(metrics, String(worker)));
    return AggregatorRegistry.aggregate([own, process, ...labelled].map(keptApart)).metrics();
  }
}

function withLabel(metrics: MetricValues, worker: string): MetricValues {
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } })),
  }));
}

/** No two values have the same labels, so none is added to another or left out. */
function keptApart(metrics: MetricValues): MetricValues {
  return metrics.map((metric) => ({ ...metric, aggregator: 'first' }));
}
