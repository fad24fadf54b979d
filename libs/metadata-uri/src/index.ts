export { parseNodeUrl, parseUri, tidyUri } from './parse-uri.js';
export type { ParsedUri } from './parsed-uri.js';
export { toContentUri } from './content-reference.js';
export type { ContentReference } from './content-reference.js';
export type { ArweaveReference } from './arweave-reference.js';
export type { IpfsReference } from './ipfs-reference.js';
export { fillInAddress, fillInTokenId, parseMetadataUrl, toHex64 } from './metadata-url.js';
export type { ParsedMetadataUrl } from './metadata-url.js';
export { LONGEST_URI } from './uri-limits.js';
