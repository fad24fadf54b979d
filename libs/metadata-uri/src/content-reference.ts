import type { ArweaveReference } from './arweave-reference.js';
import type { IpfsReference } from './ipfs-reference.js';

/** A place in content-addressed storage: the same bytes, or the same name, at whatever gateway. */
export type ContentReference = IpfsReference | ArweaveReference;

/** The one spelling that stands for all others: `ipfs://CID/path`, `ipns://name/path`, `ar://TRANSACTION/path`. */
export function toContentUri({ namespace, path, query }: ContentReference): string {
  return `${namespace}://${path}${query}`;
}
