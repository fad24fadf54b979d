import { Injectable } from '@nestjs/common';
import { ContractDetailsReader, type ContractDetails } from './chain/contract-details.js';
import { ChainRpc } from './chain/chain-rpc.js';
import type { CollectionDocument } from './document/collection-document.js';
import type { FetchOutcome } from './fetch-outcome.js';
import { MetadataFetcher } from './metadata-fetcher.js';

/** What one attempt at a collection has found. */
export interface CollectionFetch {
  /** null: the contract could not be read. */
  contract: ContractDetails | null;
  /** null: the contract names none, or `outcome` says why there is none. */
  document: CollectionDocument | null;
  /** How the attempt ended; null: the contract was read, and names no document. */
  outcome: FetchOutcome | null;
}

/** Fetches the metadata of a collection itself from the functions of its contract and from its document (ERC-7572). */
@Injectable()
export class CollectionFetcher {
  constructor(
    private readonly rpc: ChainRpc,
    private readonly contracts: ContractDetailsReader,
    private readonly fetcher: MetadataFetcher,
  ) {}

  /** Whether there is a node of the chain. */
  supports(chainId: number): boolean {
    return this.rpc.find(chainId) !== undefined;
  }

  /** Never throws because of what a node, a contract or a server does. `signal` aborts the attempt (shutdown). */
  async fetch(
    { collectionId, chainId, address }: { collectionId: string; chainId: number; address: string },
    signal?: AbortSignal,
  ): Promise<CollectionFetch> {
    const contract = await this.contracts.read({ chainId, address }, signal);
    if ('kind' in contract) {
      const trace = { url: '', durationMs: 0, bytes: 0, otherRequests: [] };
      return { contract: null, document: null, outcome: { ...contract, ...trace } };
    }
    const { contractUri } = contract;
    if (contractUri === null) return { contract, document: null, outcome: null };
    const outcome = await this.fetcher.fetchDocument(contractUri, collectionId, signal);
    const document = outcome.kind === 'fetched' ? outcome.collection! : null;
    return { contract, document, outcome };
  }
}
