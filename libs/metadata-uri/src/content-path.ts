/** A path in content-addressed storage that is safe to append to the URL of a gateway. */
export interface ContentPath {
  /** The first segment as written: a CID, an IPNS name, a transaction. */
  root: string;
  /** All segments, percent-encoded once, without a leading slash. */
  path: string;
  /** With its `?`, or ''. */
  query: string;
}

/** null: dot segments would leave the content's path at the gateway. */
export function parseContentPath(text: string): ContentPath | null {
  const { path, query } = splitQuery(withoutEmptyParts(decodeWhole(text)));
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some(isDotSegment)) return null;
  return { root: segments[0] ?? '', path: segments.map(encodePathPart).join('/'), query };
}

/** How often a path may have been encoded. */
const MAX_DECODINGS = 3;

/** `CID%2F1.json`: the delimiter after the root is encoded, which cannot contain one, so the whole path is. */
function decodeWhole(text: string): string {
  let decoded = text;
  for (let count = 0; count < MAX_DECODINGS && ENCODED_DELIMITER.test(decoded); count += 1) {
    try {
      decoded = decodeURIComponent(decoded);
    } catch {
      return text;
    }
  }
  return decoded;
}

const ENCODED_DELIMITER = /^\/*[\w.-]+%(?:25)*(?:2f|3f)/i;

/** Drops an empty query, and a fragment directly after the root, which cannot contain a `#`. */
function withoutEmptyParts(text: string): string {
  return text.replace(/^(\/*[^/?#]+)#.*$/s, '$1').replace(/\?$/, '');
}

/** A `?` starts a query only if a name and `=` follow; otherwise it belongs to a file name ("Who?.json"). */
function splitQuery(text: string): { path: string; query: string } {
  const offset = text.search(/\?[\w.-]+=/);
  if (offset === -1) return { path: text, query: '' };
  return { path: text.slice(0, offset), query: `?${encodeQuery(text.slice(offset + 1))}` };
}

// A URL parser resolves dot segments, also encoded ones, and would leave /ipfs/ for the gateway's own API.
function isDotSegment(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

/** Encodes a bare `%`, but no escape twice. The pattern has no `i` flag, with which `\w` matches some non-ASCII letters. */
function encodePathPart(text: string): string {
  return text.replace(/%(?![0-9a-fA-F]{2})|[^\w\-.~!$&'()*+,;=:@%]/gu, encodeURIComponent);
}

/** Encodes apostrophes too, as a URL parser does in a query. */
function encodeQuery(text: string): string {
  return encodePathPart(text).replaceAll("'", '%27');
}
