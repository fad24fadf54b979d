import { parseContentPath, type ContentPath } from './content-path.js';

/** A place in Arweave. */
export interface ArweaveReference extends ContentPath {
  namespace: 'ar';
}

const TRANSACTION = /^[\w-]{43}$/;
const SCHEME = /^(?:ar|arweave):\/*/i;

/** Read `ar://TX/path`. null: not about Arweave. 'invalid': no transaction, so nothing that a gateway could answer. */
export function parseArweaveReference(uri: string): ArweaveReference | 'invalid' | null {
  const scheme = SCHEME.exec(uri);
  if (!scheme) return null;
  const place = parseContentPath(uri.slice(scheme[0].length));
  return place && TRANSACTION.test(place.root) ? { namespace: 'ar', ...place } : 'invalid';
}
