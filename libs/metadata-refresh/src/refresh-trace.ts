import { contextOf, findTracer, inSpan, linksTo } from '@app/tracing';
import { SpanKind, trace, type Attributes, type Context, type Span } from '@opentelemetry/api';
import type { RefreshTrigger } from './refresh-trigger.js';

/*
 * The trace of a refresh. The span that accepts it is stored with it, so the spans of all processes that work on it belong to the
 * request's trace. Their number grows with batches, never with tokens:
 *
 *     send refreshes              the acceptance
 *     ├─ receive refreshes        one for each claim of its tokens
 *     │  └─ fetch metadata        at most MAX_FETCH_SPANS of a claim
 *     ├─ settle refreshes         one for each transaction that writes its results
 *     └─ refresh                  from acceptance to completion
 *
 * Nothing here runs for a refresh that was accepted without an SDK, or whose request was not sampled.
 */

/** Fetches of one claim and refresh that have a span of their own: all of an interactive request. */
const MAX_FETCH_SPANS = 10;

/** The tokens of one claim and refresh: where their spans belong. */
export interface ClaimTrace {
  traceparent: string;
  /** Of the span that accepted the refresh. */
  refresh: Context;
  /** Of the claim. */
  claim: Context;
  fetchSpansLeft: number;
}

export interface AcceptanceTrace {
  projectId: string;
  collectionAddress?: string | undefined;
  trigger: RefreshTrigger;
  /** The refresh whose failed tokens it is to fetch again. */
  retryOf?: { traceparent: string | null } | undefined;
}

/** Accepts a refresh in a span. Store its `traceparentOf` with the refresh. */
export function inAcceptanceSpan<Result>(
  { projectId, collectionAddress, trigger, retryOf }: AcceptanceTrace,
  accept: (span: Span | undefined) => Promise<Result>,
): Promise<Result> {
  const attributes: Attributes = {
    ...operation('send', 'accept'),
    'nft_refresh.project.id': projectId,
    'nft_refresh.trigger': trigger,
    ...(collectionAddress !== undefined && { 'nft_refresh.collection.address': collectionAddress }),
  };
  const links = linksTo([retryOf?.traceparent ?? null]);
  return inSpan({ name: 'send refreshes', kind: SpanKind.PRODUCER, attributes, links }, accept);
}

/** Call it when the refresh is accepted. */
export function setAccepted(span: Span | undefined, refreshId: string, tokens: number): void {
  span?.setAttributes({ 'messaging.message.id': refreshId, 'nft_refresh.tokens': tokens });
}

export interface ClaimedRefresh {
  refreshId: string;
  traceparent: string | null;
  tokens: number;
}

/** After a claim: a span for each of its refreshes, by refresh. */
export function traceClaim(claimed: readonly ClaimedRefresh[], startedAt: number): ReadonlyMap<string, ClaimTrace> {
  const traces = new Map<string, ClaimTrace>();
  const tracer = findTracer();
  if (!tracer) return traces;
  const counts = new Map<string, { traceparent: string; tokens: number }>();
  for (const { refreshId, traceparent, tokens } of claimed) {
    if (traceparent === null) continue;
    const known = counts.get(refreshId);
    if (known) known.tokens += tokens;
    else counts.set(refreshId, { traceparent, tokens });
  }
  const endedAt = Date.now();
  for (const [refreshId, { traceparent, tokens }] of counts) {
    const refresh = contextOf(traceparent);
    if (!refresh) continue;
    const attributes = { ...operation('receive', 'claim'), ...messages(refreshId, tokens) };
    const options = { kind: SpanKind.CLIENT, startTime: startedAt, attributes };
    const span = tracer.startSpan('receive refreshes', options, refresh);
    span.end(endedAt);
    // Its sampler may not want it.
    if (span.spanContext().traceFlags === 0) continue;
    traces.set(refreshId, {
      traceparent,
      refresh,
      claim: trace.setSpan(refresh, span),
      fetchSpansLeft: MAX_FETCH_SPANS,
    });
  }
  return traces;
}

/** A result that is written. */
interface WrittenResult {
  item: { refreshId: string; trace?: ClaimTrace };
  status: string;
}

/** After the commit of results: a span for each of their refreshes that is traced. */
export function traceSettlement(results: readonly WrittenResult[], startedAt: number): void {
  const counts = new Map<string, { refresh: Context; tokens: number; failed: number; retried: number }>();
  for (const { item, status } of results) {
    if (item.trace === undefined) continue;
    let count = counts.get(item.refreshId);
    if (!count) {
      count = { refresh: item.trace.refresh, tokens: 0, failed: 0, retried: 0 };
      counts.set(item.refreshId, count);
    }
    count.tokens += 1;
    if (status === 'failed') count.failed += 1;
    if (status === 'retry') count.retried += 1;
  }
  const endedAt = Date.now();
  for (const [refreshId, { refresh, tokens, failed, retried }] of counts) {
    const attributes = {
      ...operation('settle', 'complete'),
      ...messages(refreshId, tokens),
      'nft_refresh.tokens.failed': failed,
      'nft_refresh.tokens.retried': retried,
    };
    const options = { kind: SpanKind.CLIENT, startTime: startedAt, attributes };
    findTracer()?.startSpan('settle refreshes', options, refresh).end(endedAt);
  }
}

export interface CompletedRefresh {
  refreshId: string;
  traceparent: string | null;
  completed: boolean;
  total: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  seconds: number;
}

/** After the commit that has completed them: a span for each refresh, as long as the refresh took. */
export function traceCompletions(progress: readonly CompletedRefresh[]): void {
  const tracer = findTracer();
  if (!tracer) return;
  for (const { completed, traceparent, refreshId, seconds, ...counts } of progress) {
    if (!completed || traceparent === null) continue;
    const refresh = contextOf(traceparent);
    if (!refresh) continue;
    const endedAt = Date.now();
    const attributes = {
      'nft_refresh.refresh.id': refreshId,
      'nft_refresh.tokens': counts.total,
      'nft_refresh.tokens.succeeded': counts.succeeded,
      'nft_refresh.tokens.failed': counts.failed,
      'nft_refresh.tokens.cancelled': counts.cancelled,
    };
    const options = { kind: SpanKind.INTERNAL, startTime: endedAt - seconds * 1000, attributes };
    tracer.startSpan('refresh', options, refresh).end(endedAt);
  }
}

/** The queue as a messaging system: its messages are refreshes. */
export function operation(type: 'send' | 'receive' | 'process' | 'settle', name: string): Attributes {
  return {
    'messaging.system': 'nft_refresh',
    'messaging.destination.name': 'refreshes',
    'messaging.operation.type': type,
    'messaging.operation.name': name,
  };
}

function messages(refreshId: string, tokens: number): Attributes {
  return { 'messaging.message.id': refreshId, 'nft_refresh.tokens': tokens };
}
