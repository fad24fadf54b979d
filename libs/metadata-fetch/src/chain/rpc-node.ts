import { exponentialDelay, readRetryAfterSeconds, type RequestSignal, type SsrfSafeHttp } from '@app/safe-http';

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
   * is large, and no buffer became free in time. `wrong_chain`: the node serves another chain. `retryAfterSeconds`: the whole
   * request failed, and the node asks to wait this long; 0 if it does not say.
   */
  | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** The RPC node that the operator configured. */
export interface RpcEndpoint {
  /** May contain a secret, so it is never stored, logged or shown. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

/** Limits of one request. */
export interface RpcRequestOptions {
  signal: RequestSignal;
  /** The largest response, in bytes. Absent: that of a document. */
  maxBytes?: number;
  /** Called once when the response proves large. */
  onLargeBody?: () => Promise<Buffer>;
}

/** The results in the order of the calls, and the size of the response. `too_large`: the response exceeds the limit. */
export type RpcResponse = { results: RpcResult[]; bytes: number } | 'too_large';

/** In milliseconds. */
const BACKOFF = { base: 1000, max: 60_000, jitter: 0.2 };

/** One RPC node of a chain: sends requests to it, and remembers whether it works. */
export class RpcNode {
  /** Until then other nodes are preferred. On the clock of `performance.now()`. */
  retryAt = 0;
  /** Requests that failed as a whole, in a row. */
  private failures = 0;
  private isRightChain = false;

  constructor(
    private readonly http: SsrfSafeHttp,
    private readonly endpoint: RpcEndpoint,
    private readonly chainId: number,
  ) {}

  /**
   * Sends the calls in one request. Before the first request, and again after a failed one, the node has to report the right
   * chain id: one of another chain would have other contracts at the same addresses. Never throws because of what the node does.
   */
  async send(calls: readonly RpcCall[], options: RpcRequestOptions): Promise<RpcResponse> {
    const { onLargeBody } = options;
    /** The node has responded; a failure is due to a missing buffer of ours. */
    let isWaiting = false;
    const failure = await this.checkChain(options.signal);
    const response = failure
      ? { results: calls.map(() => failure), bytes: 0 }
      : await this.post(calls, {
          ...options,
          ...(onLargeBody && {
            onLargeBody: async () => {
              isWaiting = true;
              const buffer = await onLargeBody();
              isWaiting = false;
              return buffer;
            },
          }),
        });
    if (response !== 'too_large' && !isWaiting) this.record(response.results);
    return response;
  }

  /** Its response was refused: back-off begins. */
  recordFailure(retryAfterSeconds = 0): void {
    this.failures += 1;
    this.isRightChain = false;
    this.retryAt = performance.now() + Math.max(exponentialDelay(this.failures, BACKOFF), retryAfterSeconds * 1000);
  }

  /** Why the node cannot be called; null if it serves the right chain. */
  private async checkChain(signal: RequestSignal): Promise<RpcResult | null> {
    if (this.isRightChain) return null;
    const response = await this.post([{ method: 'eth_chainId', params: [] }], { signal });
    const [result] = response === 'too_large' ? [] : response.results;
    if (result?.kind === 'failed') return result;
    this.isRightChain = result?.kind === 'result' && Number(result.result) === this.chainId;
    return this.isRightChain ? null : { kind: 'failed', reason: 'wrong_chain', retryAfterSeconds: 0 };
  }

  private async post(calls: readonly RpcCall[], options: RpcRequestOptions): Promise<RpcResponse> {
    const { url, headers } = this.endpoint;
    const response = await this.http.post({
      url,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))),
      expectsBody: true,
      ...options,
    });
    const failAll = (reason: string, retryAfterSeconds = 0): RpcResponse => ({
      results: calls.map(() => ({ kind: 'failed', reason, retryAfterSeconds })),
      bytes: 0,
    });

    if (response.kind === 'unreachable') {
      return response.reason === 'too_large' ? response.reason : failAll(response.reason);
    }
    const { status } = response;
    if (status === 413 && calls.length > 1) return 'too_large';
    if (status !== 200) return failAll(`status_${status}`, readRetryAfterSeconds(response.headers, new Date()));
    const bytes = response.body.length;
    const parsed = parseJson(response.body.toString('utf8'));
    if (Array.isArray(parsed)) {
      const byId = new Map(parsed.map((one) => [idOf(one), one as unknown]));
      return { results: calls.map((_, id) => toRpcResult(byId.get(id))), bytes };
    }
    // One object for a batch: the node supports no batches, or its error is about the whole request.
    return calls.length === 1 ? { results: [toRpcResult(parsed)], bytes } : failAll('batch_refused');
  }

  /** The node works if it returned something for any call. */
  private record(results: readonly RpcResult[]): void {
    if (results.some(({ kind }) => kind !== 'failed')) {
      this.failures = 0;
      this.retryAt = 0;
      return;
    }
    const waits = results.map((result) => (result.kind === 'failed' ? (result.retryAfterSeconds ?? 0) : 0));
    this.recordFailure(Math.max(...waits));
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
