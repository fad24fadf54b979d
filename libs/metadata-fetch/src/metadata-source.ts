import { expandMetadataUrl } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import { ChainTokenUris } from './chain/chain-token-uris.js';
import type { NoTokenUri, TokenUriResult } from './chain/contract-reader.js';
import type { FetchTarget, MetadataLocation } from './metadata-fetcher.js';
import type { TokenUri } from './uri/uri-rule.js';

/**
 * The port that locates a token's metadata just before it is fetched. Provide your own if your URLs do not come from the
 * collections but from a table, a contract call or a rule of your own.
 */
export abstract class MetadataSource {
  /**
   * Return the token URI in any form that a contract may return: `https:`, `ipfs:`, `ar:`, `data:`, inline JSON, with or
   * without `{id}`. null: there is none, and the item fails with `no_uri`. NoTokenUri: the reason; `rpc_error` is retried.
   * An error that you throw is logged, and the item is retried when its lease expires. The deadline of the fetch starts
   * afterwards. `signal` is aborted when the worker stops.
   */
  abstract locate(target: FetchTarget, signal?: AbortSignal): Located | Promise<Located>;

  /** Whether tokens of this source can be located. Requests to refresh others are rejected. */
  supports(_source: MetadataLocation): boolean {
    return true;
  }

  /** Announces targets that locate() will soon receive, as the same objects, so that you can query for them in batches. */
  prepare(_targets: readonly FetchTarget[]): void {}
}

/** Where a token’s document is: its URI, with or without the standard of its contract; or the reason why there is none. */
export type Located = string | null | TokenUri | NoTokenUri;

/** Locates by the collection: its metadata URL with the token id, the token URI of the target, or its contract. */
@Injectable()
export class CollectionsMetadataSource extends MetadataSource {
  /** Results of prepare(). */
  private readonly prefetched = new WeakMap<FetchTarget, Promise<TokenUriResult>>();

  constructor(private readonly chains: ChainTokenUris) {
    super();
  }

  override locate(target: FetchTarget, signal?: AbortSignal): Located | Promise<Located> {
    const { source, tokenId } = target;
    switch (source.kind) {
      case 'metadata_api':
        return expandMetadataUrl(source.url, tokenId);
      case 'token_uri':
        return source;
      case 'chain': {
        const result = this.prefetched.get(target) ?? this.chains.read(source, { uriRule: source.uriRule, tokenId });
        // Use it once: the contract may return something else at a later attempt.
        this.prefetched.delete(target);
        return unlessAborted(result, signal);
      }
    }
  }

  override supports(source: MetadataLocation): boolean {
    return source.kind !== 'chain' || this.chains.supports(source.chainId);
  }

  override prepare(targets: readonly FetchTarget[]): void {
    for (const target of targets) {
      const { source, tokenId } = target;
      if (source.kind !== 'chain') continue;
      const result = this.chains.read(source, { uriRule: source.uriRule, tokenId });
      // locate() returns the rejection.
      result.catch(() => {});
      this.prefetched.set(target, result);
    }
  }
}

/** A worker that stops does not wait for an RPC node. */
async function unlessAborted(result: Promise<TokenUriResult>, signal?: AbortSignal): Promise<TokenUriResult> {
  if (!signal) return result;
  let onAbort = () => {};
  const aborted = new Promise<NoTokenUri>((resolve) => {
    onAbort = () => resolve({ kind: 'unreachable', reason: 'rpc_error' });
    signal.addEventListener('abort', onAbort, { once: true });
  });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
