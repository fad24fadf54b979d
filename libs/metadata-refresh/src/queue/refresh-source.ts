import type { MetadataFetcher, MetadataLocation } from '@app/metadata-fetch';
import { expandAddress } from '@app/metadata-uri';
import type { Collection } from '@app/token-store';
import { SourceNotSupported } from '../metadata-refresh.errors.js';

/**
 * The metadata host, the unit of politeness. What is on IPFS or Arweave comes from our gateways, whatever its name. Where
 * a contract's documents are is known only when it was asked: they are taken for one host of the collection's own.
 */
export function hostOf(source: MetadataLocation): string {
  if (source.kind === 'chain') return `chain:${source.chainId}/${source.address}`;
  const { protocol, host } = new URL(source.kind === 'metadata_api' ? source.url : source.uri);
  return protocol === 'http:' || protocol === 'https:' ? host : protocol;
}

/** Where the tokens of a collection have their metadata now. */
export function toLocation(collection: Collection): MetadataLocation {
  const source = collection.source();
  const { chainId, address } = collection;
  // The token id is filled in for each token, when it is fetched.
  // Nothing is requested: the location of a document that was sent.
  if (source.kind === 'pushed') return { kind: 'token_uri', uri: '' };
  if (source.kind === 'metadata_api') return { ...source, url: expandAddress(source.url, address) };
  return { kind: 'chain', chainId, address, uriRule: source.uriRule ?? 'standard' };
}

/** As the row of a refresh has it. `pushed`: its owner sent the metadata, and there is nothing to fetch. */
export type StoredSource = MetadataLocation | { kind: 'pushed' };

/** Where the metadata of a collection comes from now. */
export function toStoredSource(collection: Collection): StoredSource {
  return collection.sourceKind === 'pushed' ? { kind: 'pushed' } : toLocation(collection);
}

/** Whether this deployment can fetch its tokens: its owner does not push them, and its chain can be read. */
export function canFetch(collection: Collection, fetcher: Pick<MetadataFetcher, 'supports'>): boolean {
  return collection.sourceKind !== 'pushed' && fetcher.supports(toLocation(collection));
}

/** `toLocation`, for a refresh. Throws SourceNotSupported if its owner pushes the metadata, or if this deployment cannot read it. */
export function getLocation(collection: Collection, fetcher: Pick<MetadataFetcher, 'supports'>): MetadataLocation {
  if (!canFetch(collection, fetcher)) throw new SourceNotSupported(collection);
  return toLocation(collection);
}
