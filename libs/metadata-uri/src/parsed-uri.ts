import type { ContentReference } from './content-reference.js';

/** What a URI that a stranger wrote means, in whatever spelling. */
export type ParsedUri =
  /** In IPFS or Arweave, and at no host in particular. */
  | { kind: 'content'; content: ContentReference }
  /** http(s). `content`: what a well-known public gateway is asked for; null: any other host. May hold user info. */
  | { kind: 'url'; url: URL; content: ContentReference | null }
  /** The content itself, whole and as it was written. */
  | { kind: 'data'; uri: string }
  /** Without a scheme: a path, a file name, or no URI at all. */
  | { kind: 'relative' }
  | { kind: 'other_scheme' }
  /** No URL, no CID, no transaction, or longer than 8 KB. */
  | { kind: 'invalid' };
