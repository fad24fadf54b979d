import { Deadline, SAFE_HTTP_CONFIG, SsrfSafeHttp, type SafeHttpConfig, type SafeResponse } from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { parseDataUri } from '../uri/data-uri.js';
import { parseGateways, type Gateways } from '../uri/gateways.js';
import type { Candidate } from '../uri/located-metadata.js';
import { locateMetadata } from '../uri/token-uri.js';
import type { UnreachableReason } from '../fetch-outcome.js';
import { readPictureHeader, type PictureType } from './picture-type.js';

/** For all gateways together. Longer than for a document, because pictures are larger and a person waits. */
const TIMEOUT_MS = 5000;
/** Of one side of a picture, and in all. */
export const MAX_PICTURE_SIDE = 8192;
export const MAX_PICTURE_PIXELS = 40_000_000;
const ACCEPT = { accept: 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5' };

/** A picture, or why there is none. */
export type PictureOutcome =
  | { kind: 'picture'; type: PictureType; body: Buffer }
  | { kind: 'unreachable'; reason: UnreachableReason | 'invalid_data_uri' | 'no_uri' }
  | { kind: 'bad_status'; status: number }
  /** Its content is no picture that a page can show. `contentType`: what its server calls it. */
  | { kind: 'not_a_picture'; contentType: string | null }
  /** Unpacked, it would take too much memory of whoever looks at it. */
  | { kind: 'too_many_pixels'; width: number; height: number };

/**
 * Fetches pictures of tokens for people who look at them: with the SSRF-safe client, within five seconds and the limit of a document's
 * size. It decides by the content what a file is. Stores nothing.
 */
@Injectable()
export class PictureFetcher {
  private readonly gateways: Gateways;

  constructor(
    private readonly http: SsrfSafeHttp,
    @Inject(METADATA_FETCH_CONFIG) config: MetadataFetchConfig,
    @Inject(SAFE_HTTP_CONFIG) private readonly httpConfig: SafeHttpConfig,
  ) {
    this.gateways = parseGateways({ ...config, allowedHosts: httpConfig.allowedHosts });
  }

  get limits(): { timeoutMs: number; maxBytes: number; maxRedirects: number } {
    const { maxBytes, maxRedirects } = this.httpConfig;
    return { timeoutMs: TIMEOUT_MS, maxBytes, maxRedirects };
  }

  /** `imageUrl` of a record: http, https, IPFS or Arweave behind a gateway, or a `data:` URI. Never rejects because of what the host does. */
  async fetch(imageUrl: string): Promise<PictureOutcome> {
    if (/^data:/i.test(imageUrl)) {
      const data = parseDataUri(imageUrl);
      return data
        ? toPicture(Buffer.from(data.body), data.mediaType)
        : { kind: 'unreachable', reason: 'invalid_data_uri' };
    }
    const located = locateMetadata(imageUrl, { tokenId: '0', standard: 'erc721' }, this.gateways);
    if (located.kind === 'invalid') return { kind: 'unreachable', reason: located.reason };
    if (located.kind === 'document') return { kind: 'not_a_picture', contentType: located.contentType };
    return this.request(located.candidates);
  }

  /** One gateway after the other; each has an equal share of the time that remains. */
  private async request(candidates: readonly Candidate[]): Promise<PictureOutcome> {
    const endsAt = performance.now() + TIMEOUT_MS;
    let outcome: PictureOutcome = { kind: 'unreachable', reason: 'timeout' };
    for (const [index, candidate] of candidates.entries()) {
      const deadline = new Deadline((endsAt - performance.now()) / (candidates.length - index));
      try {
        const headers = { ...ACCEPT, ...candidate.headers };
        outcome = toOutcome(await this.http.get({ url: candidate.url, headers, signal: deadline }));
      } finally {
        deadline.clear();
      }
      if (outcome.kind !== 'unreachable' && outcome.kind !== 'bad_status') break;
    }
    return outcome;
  }
}

function toOutcome(response: SafeResponse): PictureOutcome {
  if (response.kind === 'unreachable') return { kind: 'unreachable', reason: response.reason };
  const { status, headers, body } = response;
  return status === 200 ? toPicture(body, headers['content-type'] ?? null) : { kind: 'bad_status', status };
}

function toPicture(body: Buffer, contentType: string | null): PictureOutcome {
  const header = readPictureHeader(body);
  if (!header) return { kind: 'not_a_picture', contentType };
  const { type, size } = header;
  // A picture without a size is one that no browser can show, except an SVG.
  if (size === null && type !== 'image/svg+xml') return { kind: 'not_a_picture', contentType };
  if (size && (Math.max(size.width, size.height) > MAX_PICTURE_SIDE || size.width * size.height > MAX_PICTURE_PIXELS)) {
    return { kind: 'too_many_pixels', ...size };
  }
  return { kind: 'picture', type, body };
}
