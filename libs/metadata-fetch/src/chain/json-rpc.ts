import {
  readRetryAfterSeconds,
  type BodyBufferPool,
  type RequestSignal,
  type SafePost,
  type SsrfSafeHttp,
} from '@app/safe-http';

export interface RpcCall {
  method: string;
  params: readonly unknown[];
}

/** How one call ended. */
export type RpcResult =
  | { kind: 'result'; result: unknown }
  /** The node returned a JSON-RPC error for this call. */
  | { kind: 'error'; code: number; message: string; data: unknown }
  /**
   * The node returned nothing for this call. `too_large`: the response to this call alone exceeds the body limit. `busy`: it
   * is large, and no buffer became free in time. `retryAfterSeconds`: the whole request failed, and the node asks to wait
   * this long; 0 if it does not say.
   */
  | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** The RPC node that the operator configured. */
export interface RpcEndpoint {
  /** May contain a secret, so it is never stored, logged or shown. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

/** Calls in one request. Measured: batches of 1,000 are slower, and single calls take a hundred times as long. */
const MAX_CALLS_PER_REQUEST = 100;
/** The largest response to a batch. Several contracts are read at the same time, and their authors control the size. */
const MAX_BATCH_RESPONSE_BYTES = 1024 * 1024;

/** The size of the last response per call, which limits the next batch so that it is not split and sent again. */
export interface ResponseSize {
  bytes: number;
}

/** A JSON-RPC client that sends calls in batches. */
export class JsonRpc {
  constructor(
    private readonly http: SsrfSafeHttp,
    private readonly endpoint: RpcEndpoint,
    private readonly bodyBuffers: BodyBufferPool,
  ) {}

  /**
   * Yields results in the order of the calls. It sends a batch only when the results of the one before were consumed, which
   * bounds memory. Updates `size`. Never throws because of what a node does.
   */
  async *call(
    calls: readonly RpcCall[],
    signal: RequestSignal,
    size: ResponseSize = { bytes: 0 },
  ): AsyncGenerator<RpcResult, void> {
    let remaining = calls;
    while (remaining.length > 0) {
      const count = Math.min(MAX_CALLS_PER_REQUEST, Math.max(1, Math.floor(MAX_BATCH_RESPONSE_BYTES / size.bytes)));
      yield* this.callBatch(remaining.slice(0, count), signal, size);
      remaining = remaining.slice(count);
    }
  }

  /** Splits a batch in halves if its response is too large, so that one large result fails alone. */
  private async *callBatch(
    calls: readonly RpcCall[],
    signal: RequestSignal,
    size: ResponseSize,
  ): AsyncGenerator<RpcResult, void> {
    if (calls.length === 1) return yield* this.callAlone(calls[0]!, signal, size);
    const results = await this.send(calls, { maxBytes: MAX_BATCH_RESPONSE_BYTES, signal }, size);
    if (results !== 'too_large') return yield* results;
    const middle = Math.ceil(calls.length / 2);
    yield* this.callBatch(calls.slice(0, middle), signal, size);
    yield* this.callBatch(calls.slice(middle), signal, size);
  }

  /** Holds the buffer of a large response until its result was consumed. */
  private async *callAlone(call: RpcCall, signal: RequestSignal, size: ResponseSize): AsyncGenerator<RpcResult, void> {
    const permit = this.bodyBuffers.createPermit();
    const onLargeBody = () => permit.acquire(new URL(this.endpoint.url).host);
    try {
      const results = await this.send([call], { onLargeBody, signal }, size);
      // The deadline passed while it waited for a buffer: the node had responded.
      if (permit.isWaiting) yield { kind: 'failed', reason: 'busy' };
      else if (results === 'too_large') yield { kind: 'failed', reason: results };
      else yield* results;
    } finally {
      permit.release();
    }
  }

  private async send(
    calls: readonly RpcCall[],
    options: Pick<SafePost, 'maxBytes' | 'onLargeBody' | 'signal'>,
    size: ResponseSize,
  ): Promise<RpcResult[] | 'too_large'> {
    const { url, headers } = this.endpoint;
    const response = await this.http.post({
      url,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))),
      expectsBody: true,
      ...options,
    });
    const failAll = (reason: string, retryAfterSeconds = 0): RpcResult[] =>
      calls.map(() => ({ kind: 'failed', reason, retryAfterSeconds }));

    if (response.kind === 'unreachable') {
      return response.reason === 'too_large' ? response.reason : failAll(response.reason);
    }
    const { status } = response;
    if (status === 413 && calls.length > 1) return 'too_large';
    if (status !== 200) return failAll(`status_${status}`, readRetryAfterSeconds(response.headers, new Date()));
    size.bytes = response.body.length / calls.length;
    const parsed = parseJson(response.body.toString('utf8'));
    if (Array.isArray(parsed)) return calls.map((_, id) => toRpcResult(parsed.find((one) => idOf(one) === id)));
    // One object for a batch: the node supports no batches, or its error is about the whole request.
    return calls.length === 1 ? [toRpcResult(parsed)] : failAll('batch_refused');
  }
}

function toRpcResult(response: unknown): RpcResult {
  if (!isObject(response)) return { kind: 'failed', reason: 'no_result' };
  const { error, result } = response;
  if (isObject(error)) {
    return { kind: 'error', code: numberIn(error['code']), message: textIn(error['message']), data: error['data'] };
  }
  return result === undefined ? { kind: 'failed', reason: 'no_result' } : { kind: 'result', result };
}

/** Some nodes return numeric ids as strings. */
function idOf(response: unknown): number | null {
  return isObject(response) && response['id'] !== null ? numberIn(response['id']) : null;
}

function numberIn(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : NaN;
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
