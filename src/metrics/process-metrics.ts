import { ChainReadings } from '@app/chain-events';
import { AttemptCounts, ResultCounts } from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import { registerChainMetrics } from './chain-metrics.js';

/** Metrics with their values, as they are sent from a worker process to the service. */
export type MetricValues = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of this process. */
@Injectable()
export class ProcessMetrics {
  private readonly registry = new Registry();

  constructor(counts: AttemptCounts, results: ResultCounts, readings: ChainReadings) {
    collectDefaultMetrics({ register: this.registry });
    new Counter({
      name: 'nft_refresh_metadata_requests_total',
      help: 'Requests to metadata hosts, by outcome and reason.',
      labelNames: ['outcome', 'reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { outcome, reason, count } of counts.read()) this.inc({ outcome, reason }, count);
      },
    });
    new Counter({
      name: 'nft_refresh_results_total',
      help: 'Tokens of refreshes that ended, by verdict and reason.',
      labelNames: ['verdict', 'reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { verdict, reason, count } of results.read()) this.inc({ verdict, reason }, count);
      },
    });
    registerChainMetrics(this.registry, readings);
  }

  read(): Promise<MetricValues> {
    return this.registry.getMetricsAsJSON();
  }
}
