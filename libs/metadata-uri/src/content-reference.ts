import type { ArweaveReference } from './arweave-reference.js';
import type { IpfsReference } from './ipfs-reference.js';

/** A path in content-addressed storage. Every gateway serves the same content for it. */
export type ContentReference = IpfsReference | ArweaveReference;

/** The canonical spelling: `ipfs://CID/path`, `ipns://name/path`, `ar://TRANSACTION/path`. */
export function toContentUri({ namespace, path, query }: ContentReference): string {
  return `${namespace}://${path}${query}`;
}
