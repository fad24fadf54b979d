/** One URL that may be requested for a document. */
export interface Candidate {
  /** What is requested. May carry a gateway's secret, so it is never stored or logged. */
  url: string;
  /** The same without secrets: what records, errors and logs show. */
  publicUrl: string;
  /** A gateway's own headers, sent to that gateway alone. */
  headers?: Record<string, string>;
}

/** Where a token's document is, once its URI is understood. */
export type LocatedMetadata =
  /** Tried in order, each within what is left of the deadline. `uri` names the same document, whoever is asked for it. */
  | { kind: 'request'; uri: string; candidates: [Candidate, ...Candidate[]] }
  /** The URI is the document: `data:` or inline JSON. No request is made. */
  | { kind: 'document'; body: Uint8Array; contentType: string | null; url: string }
  | {
      kind: 'invalid';
      reason: 'no_uri' | 'invalid_uri' | 'unsupported_scheme' | 'too_large' | 'invalid_data_uri';
      url: string;
    };
