import { BodyBufferPool, credentialHeaders, SsrfSafeHttp } from '@app/safe-http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { ContractReader, type TokenUriRequest, type TokenUriResult } from './contract-reader.js';
import { JsonRpc, type RpcEndpoint } from './json-rpc.js';
import { TokenUriBatcher } from './token-uri-batcher.js';
import { TokenUriBudget } from './token-uri-budget.js';

/** Per chain: a node that is down for hours is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/** Reads token URIs from contracts, through the RPC node of their chain. */
@Injectable()
export class ChainTokenUris {
  private readonly logger = new Logger('MetadataFetch');
  private readonly chains: ReadonlyMap<number, TokenUriBatcher>;

  constructor(
    http: SsrfSafeHttp,
    bodyBuffers: BodyBufferPool,
    budget: TokenUriBudget,
    @Inject(METADATA_FETCH_CONFIG) { rpcUrls, rpcDeadlineMs }: MetadataFetchConfig,
  ) {
    this.chains = new Map(
      Object.entries(rpcUrls).map(([chainId, url]) => {
        const rpc = new JsonRpc(http, toEndpoint(url), bodyBuffers);
        const reader = new ContractReader(rpc, Number(chainId), budget, this.nodeErrorLogger(Number(chainId)));
        return [Number(chainId), new TokenUriBatcher(reader, rpcDeadlineMs)];
      }),
    );
  }

  /** Whether there is an RPC URL for the chain. */
  supports(chainId: number): boolean {
    return this.chains.has(chainId);
  }

  /** Requests at about the same time share a batch. Never rejects because of what a node or a contract does. */
  read({ chainId, address }: { chainId: number; address: string }, request: TokenUriRequest): Promise<TokenUriResult> {
    const chain = this.chains.get(chainId);
    return chain ? chain.read(address, request) : Promise.resolve({ kind: 'unreachable', reason: 'rpc_error' });
  }

  private nodeErrorLogger(chainId: number): (reason: string) => void {
    let loggedAt = -Infinity;
    return (reason) => {
      if (performance.now() - loggedAt < LOG_INTERVAL_MS) return;
      loggedAt = performance.now();
      this.logger.warn({ msg: 'RPC node failed', chainId, reason });
    };
  }
}

function toEndpoint(entry: string): RpcEndpoint {
  const url = new URL(entry);
  const headers = credentialHeaders(url);
  [url.username, url.password, url.hash] = ['', '', ''];
  return { url: url.href, headers };
}
