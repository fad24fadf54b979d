import type { ContentReference } from './content-reference.js';

/** What a URI refers to, whatever its spelling. */
export type ParsedUri =
  /** Content in IPFS or Arweave, at no particular host. */
  | { kind: 'content'; content: ContentReference }
  /** http(s). `content`: the content that a well-known public gateway serves there; null: another host. May have user info. */
  | { kind: 'url'; url: URL; content: ContentReference | null }
  /** A `data:` URI, unchanged. */
  | { kind: 'data'; uri: string }
  /** No scheme: a path, a file name, or not a URI. */
  | { kind: 'relative' }
  | { kind: 'other_scheme' }
  /** A malformed URL, CID or transaction id, or longer than 8 KiB. */
  | { kind: 'invalid' };
