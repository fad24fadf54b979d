import { expandTokenId } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import { ChainTokenUris } from './chain/chain-token-uris.js';
import type { NoTokenUri, TokenUriResult } from './chain/contract-reader.js';
import type { FetchTarget, MetadataLocation } from './metadata-fetcher.js';
import type { TokenUri } from './uri/uri-rule.js';

/**
 * The port that says where a token's metadata is, just before it is fetched. A host whose URLs come from somewhere else
 * than its collections (a table, a contract call, a rule of its own) provides another one.
 */
export abstract class MetadataSource {
  /**
   * In any form that a contract may answer: `https:`, `ipfs:`, `ar:`, `data:`, inline JSON, `{id}` in it. null: the token
   * has none, and its item fails with `no_uri`. NoTokenUri: why there is none; `rpc_error` is tried again. What is thrown
   * is logged, and the item is tried again when its lease runs out. The time limit of a fetch begins after it; `signal`
   * ends with the worker.
   */
  abstract locate(target: FetchTarget, signal?: AbortSignal): Located | Promise<Located>;

  /** Whether tokens of this source can be located. Refreshes of others are refused when they are asked for. */
  supports(_source: MetadataLocation): boolean {
    return true;
  }

  /** These tokens, the same objects, are located soon. Whoever can ask for all of them at once may begin. */
  prepare(_targets: readonly FetchTarget[]): void {}
}

export type Located = string | null | TokenUri | NoTokenUri;

/** What the collection says: its metadata URL with the token id in it; the token URI that came with it; its contract. */
@Injectable()
export class CollectionsMetadataSource extends MetadataSource {
  /** Asked ahead, and forgotten with the target. */
  private readonly asked = new WeakMap<FetchTarget, Promise<TokenUriResult>>();

  constructor(private readonly chains: ChainTokenUris) {
    super();
  }

  override locate(target: FetchTarget, signal?: AbortSignal): Located | Promise<Located> {
    const { source, tokenId } = target;
    switch (source.kind) {
      case 'metadata_api':
        return expandTokenId(source.url, tokenId);
      case 'token_uri':
        return source;
      case 'chain': {
        const asked = this.asked.get(target) ?? this.chains.ask(source, { uriRule: source.uriRule, tokenId });
        // Asked once: of a later try the contract may say something else.
        this.asked.delete(target);
        return unlessAborted(asked, signal);
      }
    }
  }

  override supports(source: MetadataLocation): boolean {
    return source.kind !== 'chain' || this.chains.knows(source.chainId);
  }

  override prepare(targets: readonly FetchTarget[]): void {
    for (const target of targets) {
      const { source, tokenId } = target;
      if (source.kind !== 'chain') continue;
      const asked = this.chains.ask(source, { uriRule: source.uriRule, tokenId });
      // Whoever fetches the token hears of it.
      asked.catch(() => {});
      this.asked.set(target, asked);
    }
  }
}

/** A worker that stops does not wait for a node. */
async function unlessAborted(asked: Promise<TokenUriResult>, signal?: AbortSignal): Promise<TokenUriResult> {
  if (!signal) return asked;
  let leave = () => {};
  const aborted = new Promise<NoTokenUri>((done) => {
    leave = () => done({ kind: 'unreachable', reason: 'rpc_error' });
    signal.addEventListener('abort', leave, { once: true });
  });
  if (signal.aborted) leave();
  try {
    return await Promise.race([asked, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
