import type { BodyBufferPool, Deadline } from '@app/safe-http';
import type { RpcCall, RpcResponse, RpcResult } from './rpc-node.js';
import type { ResponseCheck, RpcNodes, RpcNodesRequest } from './rpc-nodes.js';

/** Calls in one request. Measured: batches of 1,000 are slower, and single calls take a hundred times as long. */
const MAX_CALLS_PER_REQUEST = 100;
/** The largest response to a batch. Several contracts are read at the same time, and their authors control the size. */
const MAX_BATCH_RESPONSE_BYTES = 1024 * 1024;

/** The size of the last response per call, which limits the next batch so that it is not split and sent again. */
export interface ResponseSize {
  bytes: number;
}

export interface RpcBatchOptions {
  /** For all calls together. */
  deadline: Deadline;
  /** Default: only calls without a response are failures of the node. */
  faultOf?: (result: RpcResult) => string | null;
  size?: ResponseSize;
}

/** A JSON-RPC client of one chain that sends calls in batches. */
export class JsonRpc {
  constructor(
    private readonly nodes: RpcNodes,
    private readonly chainId: number,
    private readonly bodyBuffers: BodyBufferPool,
  ) {}

  /**
   * Yields results in the order of the calls. It sends a batch only when the results of the one before were consumed, which
   * bounds memory. Updates `size`. Never throws because of what a node does.
   */
  async *call(
    calls: readonly RpcCall[],
    { deadline, faultOf = failureReason, size = { bytes: 0 } }: RpcBatchOptions,
  ): AsyncGenerator<RpcResult, void> {
    let remaining = calls;
    while (remaining.length > 0) {
      const count = Math.min(MAX_CALLS_PER_REQUEST, Math.max(1, Math.floor(MAX_BATCH_RESPONSE_BYTES / size.bytes)));
      yield* this.callBatch(remaining.slice(0, count), { deadline, faultOf }, size);
      remaining = remaining.slice(count);
    }
  }

  /**
   * Makes the calls in one request to one node, for results that belong together. `check` returns why the response is rejected; the next
   * node then gets all calls. Never throws because of what a node does.
   */
  async callTogether(
    calls: readonly RpcCall[],
    { deadline, check }: { deadline: Deadline; check: ResponseCheck },
  ): Promise<RpcResult[] | Extract<RpcResult, { kind: 'failed' }>> {
    const permit = this.bodyBuffers.createPermit();
    const onLargeBody = () => {
      permit.release();
      return permit.acquire(`chain:${this.chainId}`);
    };
    try {
      return await this.nodes.sendTogether(calls, { deadline, check, onLargeBody });
    } finally {
      permit.release();
    }
  }

  /** Splits a batch in halves if its response is too large, so that one large result fails alone. */
  private async *callBatch(
    calls: readonly RpcCall[],
    request: RpcNodesRequest,
    size: ResponseSize,
  ): AsyncGenerator<RpcResult, void> {
    if (calls.length === 1) return yield* this.callAlone(calls[0]!, request, size);
    const response = await this.nodes.send(calls, { ...request, maxBytes: MAX_BATCH_RESPONSE_BYTES });
    if (response !== 'too_large') return yield* resultsOf(response, size);
    const middle = Math.ceil(calls.length / 2);
    yield* this.callBatch(calls.slice(0, middle), request, size);
    yield* this.callBatch(calls.slice(middle), request, size);
  }

  /** Holds the buffer of a large response until its result was consumed. */
  private async *callAlone(
    call: RpcCall,
    request: RpcNodesRequest,
    size: ResponseSize,
  ): AsyncGenerator<RpcResult, void> {
    const permit = this.bodyBuffers.createPermit();
    const onLargeBody = () => {
      // Another node may have failed in the middle of a large response.
      permit.release();
      return permit.acquire(`chain:${this.chainId}`);
    };
    try {
      const response = await this.nodes.send([call], {
        ...request,
        // Another node would wait for a buffer as well.
        faultOf: (result) => (permit.isWaiting ? null : request.faultOf(result)),
        onLargeBody,
      });
      // The deadline passed while it waited for a buffer: the node had responded.
      if (permit.isWaiting) yield { kind: 'failed', reason: 'busy' };
      else if (response === 'too_large') yield { kind: 'failed', reason: response };
      else yield* resultsOf(response, size);
    } finally {
      permit.release();
    }
  }
}

function resultsOf({ results, bytes }: Exclude<RpcResponse, 'too_large'>, size: ResponseSize): RpcResult[] {
  if (bytes > 0) size.bytes = bytes / results.length;
  return results;
}

function failureReason(result: RpcResult): string | null {
  return result.kind === 'failed' && result.reason !== 'busy' ? result.reason : null;
}
