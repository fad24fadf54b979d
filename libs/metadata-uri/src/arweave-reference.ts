import { parseContentPath, type ContentPath } from './content-path.js';

/** A path in Arweave. */
export interface ArweaveReference extends ContentPath {
  namespace: 'ar';
}

const TRANSACTION = /^[\w-]{43}$/;
const SCHEME = /^(?:ar|arweave):\/*/i;

/** Parses `ar://TX/path`. null: not an Arweave URI. 'invalid': an Arweave URI without a transaction id. */
export function parseArweaveReference(uri: string): ArweaveReference | 'invalid' | null {
  const scheme = SCHEME.exec(uri);
  if (!scheme) return null;
  const content = parseContentPath(uri.slice(scheme[0].length));
  return content && TRANSACTION.test(content.root) ? { namespace: 'ar', ...content } : 'invalid';
}
