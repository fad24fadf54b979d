import { Injectable } from '@nestjs/common';
import type { FetchTarget } from './metadata-fetcher.js';

/**
 * The port that says where a token's metadata is, just before it is fetched. A host whose URLs come from somewhere else
 * than its collections (a table, a contract call, a rule of its own) provides another one.
 */
export abstract class MetadataSource {
  /**
   * In any form that a contract may answer: `https:`, `ipfs:`, `ar:`, `data:`, inline JSON, `{id}` in it. null: the token
   * has none, and its item fails with `invalid_uri`. What is thrown is logged, and the item is tried again when its lease
   * runs out. The time limit of a fetch begins after it; `signal` ends with the worker.
   */
  abstract locate(target: FetchTarget, signal?: AbortSignal): string | null | Promise<string | null>;
}

/** What the collection says: its Metadata API, a slash and the token id; or the token URI that came with it. */
@Injectable()
export class CollectionsMetadataSource extends MetadataSource {
  override locate({ source, tokenId }: FetchTarget): string {
    return source.kind === 'token_uri' ? source.uri : `${source.url.replace(/\/+$/, '')}/${tokenId}`;
  }
}
