import { context, SpanStatusCode, trace, type Context, type Span, type SpanOptions } from '@opentelemetry/api';
import { findTracer } from './tracer.js';

export interface SpanStart extends SpanOptions {
  name: string;
  /** Where the span belongs; absent: to what is active. */
  parent?: Context | undefined;
}

/** Runs `work` in a span, which is active meanwhile. Without an SDK, `work` gets no span. */
export async function inSpan<Result>(
  { name, parent = context.active(), ...options }: SpanStart,
  work: (span: Span | undefined) => Promise<Result>,
): Promise<Result> {
  const tracer = findTracer();
  if (!tracer) return work(undefined);
  const span = tracer.startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    setError(span, errorTypeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

export function setError(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The class, not the message: a message may quote what a caller or a host sent. */
function errorTypeOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
