import { BodyBufferPool, credentialHeaders, SsrfSafeHttp } from '@app/safe-http';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { JsonRpc } from './json-rpc.js';
import { RpcNode, type RpcEndpoint } from './rpc-node.js';
import { RpcNodes } from './rpc-nodes.js';

/** Per node: one that is down for hours is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/** The JSON-RPC client of each chain for which there are RPC URLs. What it learns of a node counts for all that use it. */
@Injectable()
export class ChainRpc {
  private readonly logger = new ModuleLogger('MetadataFetch');
  private readonly chains: ReadonlyMap<number, JsonRpc>;

  constructor(
    http: SsrfSafeHttp,
    bodyBuffers: BodyBufferPool,
    @Inject(METADATA_FETCH_CONFIG) { rpcUrls }: Pick<MetadataFetchConfig, 'rpcUrls'>,
  ) {
    this.chains = new Map(
      Object.entries(rpcUrls).map(([id, urls]) => {
        const chainId = Number(id);
        const nodes = urls.map((url) => new RpcNode(http, toEndpoint(url), chainId));
        return [chainId, new JsonRpc(new RpcNodes(nodes, this.failureLogger(chainId)), chainId, bodyBuffers)];
      }),
    );
  }

  get chainIds(): number[] {
    return [...this.chains.keys()];
  }

  /** undefined: there is no RPC URL for the chain. */
  find(chainId: number): JsonRpc | undefined {
    return this.chains.get(chainId);
  }

  private failureLogger(chainId: number): (node: number, reason: string) => void {
    const loggedAt = new Map<number, number>();
    return (node, reason) => {
      if (performance.now() - (loggedAt.get(node) ?? -Infinity) < LOG_INTERVAL_MS) return;
      loggedAt.set(node, performance.now());
      this.logger.warn({ msg: 'RPC node failed', chainId, node, reason });
    };
  }
}

function toEndpoint(entry: string): RpcEndpoint {
  const url = new URL(entry);
  const headers = credentialHeaders(url);
  [url.username, url.password, url.hash] = ['', '', ''];
  return { url: url.href, headers };
}
