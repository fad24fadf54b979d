import { parseContentPath, type ContentPath } from './content-path.js';

const TRANSACTION = /^[\w-]{43}$/;

/** Read `ar://TX/path`. null: not about Arweave. 'invalid': no transaction, so nothing that a gateway could answer. */
export function parseArweaveReference(uri: string): ContentPath | 'invalid' | null {
  const scheme = /^ar:\/*/i.exec(uri);
  if (!scheme) return null;
  const place = parseContentPath(uri.slice(scheme[0].length));
  return place && TRANSACTION.test(place.root) ? place : 'invalid';
}
