import type { HistogramValues } from '@app/metadata-refresh';
import type { Metric, Registry } from 'prom-client';

type Labels = Record<string, string | number>;
/** The labels of a value, and the value. */
export type Sample<Value = number> = readonly [labels: Labels, value: Value];
type Samples<Value = number> = Iterable<Sample<Value>>;

interface MetricValue {
  /** With a suffix, of a histogram; absent: that of the metric. */
  metricName?: string;
  labels: Labels;
  value: number;
}

/**
 * Metrics whose values are counted elsewhere, and read when they are served: a metric without a value at that time is left out.
 * prom-client's own classes would keep a copy of them.
 */
export class ReadMetrics {
  constructor(private readonly registry: Registry) {}

  /** A value that only grows while the process runs. */
  counter(name: string, help: string, read: () => Samples): void {
    this.register(name, help, 'counter', () => [...read()].map(toValue));
  }

  gauge(name: string, help: string, read: () => Samples | Promise<Samples>): void {
    this.register(name, help, 'gauge', async () => [...(await read())].map(toValue));
  }

  histogram(name: string, help: string, read: () => Samples<HistogramValues>): void {
    this.register(name, help, 'histogram', () => [...read()].flatMap((sample) => toHistogram(name, sample)));
  }

  private register(
    name: string,
    help: string,
    type: 'counter' | 'gauge' | 'histogram',
    read: () => MetricValue[] | Promise<MetricValue[]>,
  ): void {
    const metric = { name, help, type, aggregator: 'sum' };
    // What a registry needs of a metric; `AggregatorRegistry.aggregate` registers such objects, too.
    const readable = { ...metric, get: async () => ({ ...metric, values: await read() }) };
    this.registry.registerMetric(readable as unknown as Metric);
  }
}

function toValue([labels, value]: Sample): MetricValue {
  return { labels, value };
}

function toHistogram(name: string, [labels, { buckets, count, sum }]: Sample<HistogramValues>): MetricValue[] {
  return [
    ...[...buckets, { bound: '+Inf', count }].map((bucket) => {
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bucket.bound }, value: bucket.count };
    }),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
