import type { FetchOutcome } from '@app/metadata-fetch';
import { findTracer, linksTo, redactedUrl, setError } from '@app/tracing';
import { context, SpanKind, trace, type Attributes, type Link, type Span } from '@opentelemetry/api';
import type { ClaimedItem, ClaimedToken } from '../queue/claimed-token.js';
import { requestsOf } from '../completion/item-result.js';
import { operation, type ClaimTrace } from '../refresh-trace.js';

/** The span of the fetch of one token, in the trace of a refresh that waits for it, and linked to the others. */
export class FetchSpan {
  /** undefined unless a refresh that waits for the token is traced, and has fewer than MAX_FETCH_SPANS of this claim. */
  static start(token: ClaimedToken): FetchSpan | undefined {
    for (const { trace: of } of token.items) {
      if (of !== undefined && of.fetchSpansLeft > 0) return new FetchSpan(token, of);
    }
    return undefined;
  }

  private readonly span: Span | undefined;

  private constructor(
    { tokenId, host, items }: ClaimedToken,
    private readonly of: ClaimTrace,
  ) {
    of.fetchSpansLeft -= 1;
    const attributes: Attributes = {
      ...operation('process', 'fetch'),
      'messaging.message.id': items.find((item) => item.trace === of)!.refreshId,
      'nft_refresh.token.id': tokenId,
      'nft_refresh.metadata_host': host,
      'nft_refresh.attempt': Math.min(...items.map(({ attemptCount }) => attemptCount)) + 1,
    };
    const options = { kind: SpanKind.CONSUMER, attributes, links: linksToOthers(items, of) };
    this.span = findTracer()?.startSpan('fetch metadata', options, of.claim);
  }

  /** What the application traces of HTTP belongs to this span. */
  run<Result>(fetch: () => Promise<Result>): Promise<Result> {
    return this.span ? context.with(trace.setSpan(this.of.claim, this.span), fetch) : fetch();
  }

  end(outcome: FetchOutcome | string): void {
    if (!this.span) return;
    if (typeof outcome === 'string') setError(this.span, outcome.replaceAll(' ', '_'));
    else describe(this.span, outcome);
    this.span.end();
  }
}

function describe(span: Span, outcome: FetchOutcome): void {
  const requests = requestsOf(outcome);
  for (const { url, statusCode, reason } of requests.slice(0, -1)) {
    span.addEvent('request failed', definedOf({ ...requestAttributes(url, statusCode), 'error.type': reason }));
  }
  const { url, statusCode, bytes, reason } = requests.at(-1)!;
  span.setAttributes(
    definedOf({
      ...requestAttributes(url, statusCode),
      'http.response.body.size': bytes,
      'nft_refresh.outcome': outcome.kind,
    }),
  );
  if (reason !== null) setError(span, reason);
}

/** Each refresh is in the trace of its request, and the fetch is in one trace. */
function linksToOthers(items: readonly ClaimedItem[], of: ClaimTrace): Link[] {
  return linksTo(items.map((item) => (item.trace && item.trace !== of ? item.trace.traceparent : null)));
}

function requestAttributes(url: string, statusCode: number | null): Record<string, string | number | null | undefined> {
  return { 'url.full': redactedUrl(url), 'http.response.status_code': statusCode };
}

function definedOf(attributes: Readonly<Record<string, string | number | null | undefined>>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => (value == null ? [] : [[name, value]])),
  );
}
