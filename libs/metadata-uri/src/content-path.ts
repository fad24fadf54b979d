/** A path inside content-addressed storage, made safe to hang behind a gateway. */
export interface ContentPath {
  /** The first segment as written: a CID, an IPNS name, a transaction. */
  root: string;
  /** All segments, percent-encoded once. Never starts with a slash. */
  path: string;
  /** With its `?`, or ''. */
  query: string;
}

/** null: the path would climb out of its place at the gateway. */
export function parseContentPath(text: string): ContentPath | null {
  const { path, query } = splitQuery(withoutEmptyParts(text));
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some(isDotSegment)) return null;
  return { root: segments[0] ?? '', path: segments.map(encodePathPart).join('/'), query };
}

/** Without an empty query, and without a fragment directly behind the root, which holds no `#` itself. */
function withoutEmptyParts(text: string): string {
  return text.replace(/^(\/*[^/?#]+)#.*$/s, '$1').replace(/\?$/, '');
}

/** A `?` opens a query only where a name and `=` follow; otherwise it belongs to a file name ("Who?.json"). */
function splitQuery(text: string): { path: string; query: string } {
  const at = text.search(/\?[\w.-]+=/);
  if (at === -1) return { path: text, query: '' };
  return { path: text.slice(0, at), query: `?${encodeQuery(text.slice(at + 1))}` };
}

// A URL parser resolves these, also when encoded, and would leave /ipfs/ for the gateway's own API.
function isDotSegment(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

/** Encoded once: what is encoded already stays, a bare `%` does not. Without `i`, by which `\w` has letters beyond ASCII. */
function encodePathPart(text: string): string {
  return text.replace(/%(?![0-9a-fA-F]{2})|[^\w\-.~!$&'()*+,;=:@%]/gu, encodeURIComponent);
}

/** The same, and apostrophes, which a URL parser encodes in a query. */
function encodeQuery(text: string): string {
  return encodePathPart(text).replaceAll("'", '%27');
}
