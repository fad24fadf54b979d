import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';

/** A caller's trace, as its header names it. */
export const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
export const TRACEPARENT = `00-${CALLER.traceId}-${CALLER.spanId}-01`;

/** Registers the OpenTelemetry SDK of an application until `stop`, and keeps its spans. Suites share a process, so stop it. */
export function startTracing() {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  return {
    tracer: provider.getTracer('application'),
    /** Ended spans, first those that began first. */
    spans: (traceId?: string) =>
      exporter
        .getFinishedSpans()
        .filter((span) => traceId === undefined || span.spanContext().traceId === traceId)
        .toSorted((one, other) => Number(startOf(one) - startOf(other))),
    forget: () => exporter.reset(),
    async stop() {
      await provider.shutdown();
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

const startOf = ({ startTime: [seconds, nanoseconds] }: ReadableSpan) =>
  BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

/** A trace as indented lines, each `name kind`; children in the order of their names, and those that look the same once. */
export function outline(spans: readonly ReadableSpan[], parentId?: string): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const isChild = ({ parentSpanContext }: ReadableSpan) =>
    parentId === undefined ? !ids.has(parentSpanContext?.spanId ?? '') : parentSpanContext?.spanId === parentId;
  const lines = spans
    .filter(isChild)
    .toSorted((one, other) => one.name.localeCompare(other.name))
    .flatMap((span) => [
      `${span.name} ${SpanKind[span.kind]}`,
      ...outline(spans, span.spanContext().spanId).map((line) => `  ${line}`),
    ]);
  // How many batches there are is a matter of time.
  return lines.filter((line, index) => line !== lines[index - 1]);
}

/** How many spans there are of each name. */
export function countByName(spans: readonly ReadableSpan[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(spans, ({ name }) => name)].map(([name, of]) => [name, of.length]));
}
