import { ROOT_CONTEXT, trace, TraceFlags, type Context, type Link, type Span } from '@opentelemetry/api';

/** W3C Trace Context, version 00. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The span as other processes can refer to it; null if there is none, or if it is not sampled: then there is nothing to refer to. */
export function traceparentOf(span: Span | undefined): string | null {
  if (!span?.isRecording()) return null;
  const { traceId, spanId, traceFlags } = span.spanContext();
  if ((traceFlags & TraceFlags.SAMPLED) === 0) return null;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** A context for spans that belong to a span of another process; undefined if the text is not of version 00. */
export function contextOf(traceparent: string): Context | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags) return undefined;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

/** Spans to which one span is linked: as many as the SDK keeps are of no use to anybody. */
const MAX_LINKS = 32;

/** Links to spans of other processes. */
export function linksTo(traceparents: readonly (string | null)[]): Link[] {
  return traceparents
    .flatMap((traceparent) => (traceparent === null ? [] : (contextOf(traceparent) ?? [])))
    .flatMap((of) => trace.getSpanContext(of) ?? [])
    .slice(0, MAX_LINKS)
    .map((spanContext) => ({ context: spanContext }));
}
