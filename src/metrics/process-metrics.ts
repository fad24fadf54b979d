import { ChainReadings } from '@app/chain-events';
import { WebhookCounts } from '@app/metadata-events';
import { AttemptCounts, ResultCounts, WorkerMetrics } from '@app/metadata-refresh';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { registerChainMetrics } from './chain-metrics.js';
import { registerPoolMetrics } from './pool-metrics.js';
import { ReadMetrics } from './read-metrics.js';
import { registerRefreshMetrics } from './refresh-metrics.js';
import { registerWebhookMetrics } from './webhook-metrics.js';

/** Metrics with their values, as they are sent from a worker process to the service. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of this process. */
@Injectable()
export class ProcessMetrics {
  private readonly registry = new Registry();

  constructor(
    attempts: AttemptCounts,
    results: ResultCounts,
    worker: WorkerMetrics,
    webhooks: WebhookCounts,
    readings: ChainReadings,
    em: EntityManager,
  ) {
    collectDefaultMetrics({ register: this.registry });
    const metrics = new ReadMetrics(this.registry);
    registerRefreshMetrics(metrics, { attempts, results, worker });
    registerWebhookMetrics(metrics, webhooks);
    registerChainMetrics(metrics, readings);
    registerPoolMetrics(metrics, em);
  }

  read(): Promise<MetricValues> {
    return this.registry.getMetricsAsJSON();
  }
}
