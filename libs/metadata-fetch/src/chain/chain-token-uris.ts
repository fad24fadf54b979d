import { Inject, Injectable } from '@nestjs/common';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { ChainRpc } from './chain-rpc.js';
import { ContractReader, type TokenUriRequest, type TokenUriResult } from './contract-reader.js';
import { TokenUriBatcher } from './token-uri-batcher.js';
import { TokenUriBudget } from './token-uri-budget.js';

/** Reads token URIs from contracts, through the RPC nodes of their chain. */
@Injectable()
export class ChainTokenUris {
  private readonly chains: ReadonlyMap<number, TokenUriBatcher>;

  constructor(
    rpc: ChainRpc,
    budget: TokenUriBudget,
    @Inject(METADATA_FETCH_CONFIG) { rpcDeadlineMs }: Pick<MetadataFetchConfig, 'rpcDeadlineMs'>,
  ) {
    this.chains = new Map(
      rpc.chainIds.map((chainId) => {
        const reader = new ContractReader(rpc.find(chainId)!, budget);
        return [chainId, new TokenUriBatcher(reader, rpcDeadlineMs)];
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
}
