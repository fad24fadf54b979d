import { Deadline } from '@app/safe-http';
import type { RpcCall, RpcNode, RpcRequestOptions, RpcResponse, RpcResult } from './rpc-node.js';

/** Why results are rejected; null: they are accepted. */
export type ResponseCheck = (results: readonly RpcResult[]) => string | null;

/** Limits of one request to any of the nodes. */
export interface RpcNodesRequest extends Omit<RpcRequestOptions, 'signal'> {
  deadline: Deadline;
  /** Why the result is a failure of the node, which another node may not have; null if it is a result of the chain. */
  faultOf: (result: RpcResult) => string | null;
}

/**
 * The RPC nodes of one chain, with failover. The first node that works serves a request; calls that it fails go to the next one. A node that
 * failed as a whole is in back-off, and is not called as long as another one works.
 */
export class RpcNodes {
  constructor(
    /** In the order of preference; at least one. */
    private readonly nodes: readonly RpcNode[],
    /** Called when a node fails, with its position, from 1. The reason contains nothing of its URL. */
    private readonly onFailure: (node: number, reason: string) => void,
  ) {}

  /** The results in the order of the calls. Never throws because of what a node does. */
  async send(calls: readonly RpcCall[], { deadline, faultOf, ...options }: RpcNodesRequest): Promise<RpcResponse> {
    const results: RpcResult[] = [];
    /** Indexes of the calls that no node has served. */
    let remaining = calls.map((_, index) => index);
    let bytes = 0;
    const nodes = this.usableNodes();
    for (const [tried, node] of nodes.entries()) {
      // A node that hangs leaves time for those after it.
      const share = new Deadline(deadline.remainingMs / (nodes.length - tried), deadline);
      const response = await node.send(
        remaining.map((index) => calls[index]!),
        { ...options, signal: share },
      );
      share.clear();
      if (response === 'too_large') {
        // Of calls that failed elsewhere: their failure stays.
        if (remaining.length < calls.length || tried > 0) break;
        return response;
      }
      bytes = Math.max(bytes, response.bytes);
      const faults = response.results.map((result) => faultOf(result));
      for (const [position, index] of remaining.entries()) {
        results[index] = withShortestWait(response.results[position]!, results[index]);
      }
      const fault = faults.find((reason) => reason !== null);
      if (fault === undefined || fault === null) break;
      this.onFailure(this.nodes.indexOf(node) + 1, fault);
      remaining = remaining.filter((_, position) => faults[position] !== null);
      if (deadline.aborted) break;
    }
    return { results, bytes };
  }

  /**
   * The same from one node alone, for results that belong together. `check` returns why the response as a whole is rejected, or null.
   * After a rejection, the next node gets all calls. If no node has a good response, returns the failure of the last one.
   */
  async sendTogether(
    calls: readonly RpcCall[],
    { deadline, check, ...options }: Omit<RpcNodesRequest, 'faultOf'> & { check: ResponseCheck },
  ): Promise<RpcResult[] | Extract<RpcResult, { kind: 'failed' }>> {
    let failure: Extract<RpcResult, { kind: 'failed' }> = { kind: 'failed', reason: 'timeout' };
    const nodes = this.usableNodes();
    for (const [tried, node] of nodes.entries()) {
      if (deadline.aborted) break;
      const share = new Deadline(deadline.remainingMs / (nodes.length - tried), deadline);
      const response = await node.send(calls, { ...options, signal: share });
      share.clear();
      if (response === 'too_large') return { kind: 'failed', reason: response };
      const failed = response.results.find((result) => result.kind === 'failed');
      const reason = failed?.reason ?? check(response.results);
      if (reason === null) return response.results;
      if (!failed) node.recordFailure();
      const next = failed ?? { kind: 'failed', reason };
      failure = tried === 0 ? next : withShortestWait(next, failure);
      this.onFailure(this.nodes.indexOf(node) + 1, reason);
    }
    return failure;
  }

  /** Those in back-off are left out, unless all are: then the one whose back-off ends first is tried. */
  private usableNodes(): RpcNode[] {
    const now = performance.now();
    const working = this.nodes.filter(({ retryAt }) => retryAt <= now);
    return working.length > 0 ? working : [this.nodes.toSorted((one, other) => one.retryAt - other.retryAt)[0]!];
  }
}

/** If all nodes failed, the chain can be read again as soon as one of them can. */
function withShortestWait<Result extends RpcResult>(result: Result, before: RpcResult | undefined): Result {
  if (result.kind !== 'failed' || before?.kind !== 'failed') return result;
  const waits = [result.retryAfterSeconds, before.retryAfterSeconds].filter((seconds) => seconds !== undefined);
  return waits.length === 0 ? result : { ...result, retryAfterSeconds: Math.min(...waits) };
}
