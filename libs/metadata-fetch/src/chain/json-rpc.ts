import type { SsrfSafeHttp, SafePost } from '@app/safe-http';
import type { BodyBufferPool } from '@app/safe-http';
import { readRetryAfterSeconds } from '@app/safe-http';

export interface RpcCall {
  method: string;
  params: readonly unknown[];
}

/** How one call ended. */
export type RpcResult =
  | { kind: 'result'; result: unknown }
  /** The node says so, of this call. */
  | { kind: 'error'; code: number; message: string; data: unknown }
  /**
   * The node said nothing of this call. `too_large`: alone, its answer is larger than any body that is read. `busy`: alone,
   * it is large, and others were being read. `retryAfterSeconds`: it said nothing at all, and asks to be left alone for so
   * long; 0 if it does not say.
   */
  | { kind: 'failed'; reason: string; retryAfterSeconds?: number };

/** A node, as the operator named it. */
export interface RpcEndpoint {
  /** May hold a secret, so it is never stored, logged or shown. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

/** Calls in one request. Measured: ten times as many are slower, and one by one they take a hundred times as long. */
const BATCH = 100;
/** The largest answer to more than one call: several contracts are asked at once, and whoever wrote them says how much comes. */
const MAX_BATCH_RESPONSE_BYTES = 1024 * 1024;

/** How much is usually answered to one of these calls, so that the next batch is not asked for twice. In bytes. */
export interface ResponseSize {
  bytes: number;
}

/** JSON-RPC in batches through the guarded client, and what was answered to each call. */
export class JsonRpc {
  constructor(
    private readonly http: SsrfSafeHttp,
    private readonly endpoint: RpcEndpoint,
    private readonly bodyBuffers: BodyBufferPool,
  ) {}

  /**
   * In the order of the calls, a batch at a time: the next one is asked for when all of this one were taken, so that no
   * more of their texts is in memory. `usual` is learned from the answers. Never throws for what a node does.
   */
  async *call(
    calls: readonly RpcCall[],
    signal: AbortSignal,
    usual: ResponseSize = { bytes: 0 },
  ): AsyncGenerator<RpcResult, void> {
    let left = calls;
    while (left.length > 0) {
      const fitting = Math.min(BATCH, Math.max(1, Math.floor(MAX_BATCH_RESPONSE_BYTES / usual.bytes)));
      yield* this.callBatch(left.slice(0, fitting), signal, usual);
      left = left.slice(fitting);
    }
  }

  /** In halves where it is too large: so a call that spoils its batch is found, and the others are answered. */
  private async *callBatch(
    calls: readonly RpcCall[],
    signal: AbortSignal,
    usual: ResponseSize,
  ): AsyncGenerator<RpcResult, void> {
    if (calls.length === 1) return yield* this.callAlone(calls[0]!, signal, usual);
    const answers = await this.ask(calls, { maxBytes: MAX_BATCH_RESPONSE_BYTES, signal }, usual);
    if (answers !== 'too_large') return yield* answers;
    const middle = Math.ceil(calls.length / 2);
    yield* this.callBatch(calls.slice(0, middle), signal, usual);
    yield* this.callBatch(calls.slice(middle), signal, usual);
  }

  /** Its seat is kept until the answer was taken. */
  private async *callAlone(call: RpcCall, signal: AbortSignal, usual: ResponseSize): AsyncGenerator<RpcResult, void> {
    const place = this.bodyBuffers.place();
    const onLargeBody = () => place.take(new URL(this.endpoint.url).host);
    try {
      const answers = await this.ask([call], { onLargeBody, signal }, usual);
      // The time was over while it waited: others had the seats, and the node had answered.
      if (place.isWaiting) yield { kind: 'failed', reason: 'busy' };
      else if (answers === 'too_large') yield { kind: 'failed', reason: answers };
      else yield* answers;
    } finally {
      place.leave();
    }
  }

  private async ask(
    calls: readonly RpcCall[],
    bounds: Pick<SafePost, 'maxBytes' | 'onLargeBody' | 'signal'>,
    usual: ResponseSize,
  ): Promise<RpcResult[] | 'too_large'> {
    const { url, headers } = this.endpoint;
    const answer = await this.http.post({
      url,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))),
      expectsBody: true,
      ...bounds,
    });
    const ofAll = (reason: string, retryAfterSeconds = 0): RpcResult[] =>
      calls.map(() => ({ kind: 'failed', reason, retryAfterSeconds }));

    if (answer.kind === 'unreachable') {
      return answer.reason === 'too_large' ? answer.reason : ofAll(answer.reason);
    }
    const { status } = answer;
    if (status === 413 && calls.length > 1) return 'too_large';
    if (status !== 200) return ofAll(`status_${status}`, readRetryAfterSeconds(answer.headers, new Date()));
    usual.bytes = answer.body.length / calls.length;
    const answered = parseJson(answer.body.toString('utf8'));
    if (Array.isArray(answered)) return calls.map((_, id) => toAnswer(answered.find((one) => idOf(one) === id)));
    // One object for a whole batch: the node takes no batches, or has a trouble that is not about a call.
    return calls.length === 1 ? [toAnswer(answered)] : ofAll('batch_refused');
  }
}

function toAnswer(answered: unknown): RpcResult {
  if (!isObject(answered)) return { kind: 'failed', reason: 'not_answered' };
  const { error, result } = answered;
  if (isObject(error)) {
    return { kind: 'error', code: numberIn(error['code']), message: textIn(error['message']), data: error['data'] };
  }
  return result === undefined ? { kind: 'failed', reason: 'not_answered' } : { kind: 'result', result };
}

/** Some nodes send numbers back as text. */
function idOf(answered: unknown): number | null {
  return isObject(answered) && answered['id'] !== null ? numberIn(answered['id']) : null;
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
