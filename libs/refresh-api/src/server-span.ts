import { findTracer, setError } from '@app/tracing';
import { context, propagation, SpanKind, trace, type Context, type Span } from '@opentelemetry/api';

/** What is known of a request when it arrives. */
export interface TracedRequest {
  method: string;
  path: string;
  protocol: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** How it was responded to. */
export interface TracedResponse {
  /** The pattern of the route; undefined: none. */
  route: string | undefined;
  /** undefined: the client did not wait for it. */
  statusCode: number | undefined;
}

/** Other methods would make the names of spans countless. */
const METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);

/**
 * The span of a request to our routes. It continues the trace that the caller's headers name. An application that traces HTTP itself has
 * such a span already, and without an SDK there is none.
 */
export class ServerSpan {
  static start(request: TracedRequest): ServerSpan | undefined {
    const tracer = findTracer();
    if (!tracer || trace.getActiveSpan()) return undefined;
    const method = METHODS.has(request.method) ? request.method : '_OTHER';
    const attributes = {
      'http.request.method': method,
      'url.path': request.path,
      'url.scheme': request.protocol,
    };
    const parent = propagation.extract(context.active(), request.headers);
    const name = method === '_OTHER' ? 'HTTP' : method;
    return new ServerSpan(name, parent, tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent));
  }

  private constructor(
    private readonly method: string,
    private readonly parent: Context,
    private readonly span: Span,
  ) {}

  /** `work` and all that it waits for belong to the span. */
  run(work: () => void): void {
    context.with(trace.setSpan(this.parent, this.span), work);
  }

  end({ route, statusCode }: TracedResponse): void {
    const { span, method } = this;
    if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute('http.route', route);
    if (statusCode !== undefined) span.setAttribute('http.response.status_code', statusCode);
    if (statusCode === undefined) setError(span, 'aborted');
    else if (statusCode >= 500) setError(span, String(statusCode));
    span.end();
  }
}
