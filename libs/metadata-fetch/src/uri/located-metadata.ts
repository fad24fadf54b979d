/** A URL at which a document can be requested. */
export interface Candidate {
  /** The URL to request. May contain the secret of a gateway, so it is never stored or logged. */
  url: string;
  /** The same URL without secrets, for records, errors and logs. */
  publicUrl: string;
  /** Headers of the gateway, sent only to its origin. */
  headers?: Record<string, string>;
}

/** The location of a token's document, from its URI. */
export type LocatedMetadata =
  /** Request the candidates in order. `uri` names the document independently of the gateway. */
  | { kind: 'request'; uri: string; candidates: [Candidate, ...Candidate[]] }
  /** The URI contains the document: `data:` or inline JSON. */
  | { kind: 'document'; body: Uint8Array; contentType: string | null; url: string }
  | {
      kind: 'invalid';
      reason: 'no_uri' | 'invalid_uri' | 'unsupported_scheme' | 'too_large' | 'invalid_data_uri';
      url: string;
    };
