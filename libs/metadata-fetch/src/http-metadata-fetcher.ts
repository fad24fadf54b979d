import { Inject, Injectable } from '@nestjs/common';
import { decodeDocument } from './json-document.js';
import { parseGateways, type Gateways } from './gateways.js';
import { describeMedia } from './media-document.js';
import type { FetchOutcome, FetchTrace } from './fetch-outcome.js';
import { GuardedHttp, type GuardedAnswer } from './guarded-http.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from './metadata-fetch.options.js';
import { MetadataFetcher, type FetchTarget } from './metadata-fetcher.js';
import { normalizeMetadata } from './normalize-metadata.js';
import { parseRetryAfter } from './retry-after.js';
import { toStorableText } from './storable-text.js';

const THROTTLED = [429, 503];

/** Locate, request, decode, normalise: one attempt at one token, within one deadline. */
@Injectable()
export class HttpMetadataFetcher extends MetadataFetcher {
  private readonly gateways: Gateways;

  constructor(
    private readonly http: GuardedHttp,
    @Inject(METADATA_FETCH_CONFIG) private readonly config: MetadataFetchConfig,
  ) {
    super();
    this.gateways = parseGateways(config);
  }

  override async fetch(target: FetchTarget, signal?: AbortSignal): Promise<FetchOutcome> {
    const { source, tokenId, validators } = target;
    const url = `${source.url.replace(/\/+$/, '')}/${tokenId}`;
    const headers = {
      ...(validators?.etag && { 'if-none-match': validators.etag }),
      ...(validators?.lastModified && { 'if-modified-since': validators.lastModified }),
    };
    const startedAt = performance.now();
    const deadline = new AbortController();
    const end = () => deadline.abort();
    // A plain timer and listener: AbortSignal.timeout and .any cost more than all else here.
    const timer = setTimeout(end, this.config.deadlineMs);
    signal?.addEventListener('abort', end, { once: true });
    try {
      if (signal?.aborted) end();
      const answer = await this.http.get({ url, headers, signal: deadline.signal });
      const bytes = answer.kind === 'answer' ? answer.body.length : 0;
      const trace = { url, durationMs: Math.round(performance.now() - startedAt), bytes };
      return this.toOutcome(target, answer, trace);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }

  private toOutcome({ tokenId, validators }: FetchTarget, answer: GuardedAnswer, trace: FetchTrace): FetchOutcome {
    if (answer.kind === 'unreachable') return { kind: 'unreachable', reason: answer.reason, ...trace };
    const { status, headers, body } = answer;
    if (status === 304 && validators) return { kind: 'not_modified', ...trace };
    if (status !== 200) {
      const seconds = THROTTLED.includes(status) ? parseRetryAfter(headers['retry-after'], new Date()) : undefined;
      const retryAfter = seconds === undefined ? {} : { retryAfterSeconds: seconds };
      return { kind: 'bad_status', status, body: this.bodyText(body), ...retryAfter, ...trace };
    }
    const decoded = decodeDocument(body, headers['content-type'] ?? null);
    if (decoded.kind === 'undecodable') {
      return { kind: 'undecodable', reason: decoded.reason, body: this.bodyText(body), ...trace };
    }
    const document = decoded.kind === 'media' ? describeMedia(decoded.mediaType, trace.url) : decoded;
    const { etag, 'last-modified': lastModified } = headers;
    return {
      kind: 'fetched',
      metadata: normalizeMetadata(document, { tokenId, gateways: this.gateways }),
      validators: { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) },
      ...trace,
    };
  }

  /** The beginning of a body as text that can be stored; a character that the cut went through is dropped. */
  private bodyText(body: Buffer): string {
    const text = new TextDecoder().decode(body.subarray(0, this.config.errorBodyBytes), { stream: true });
    return toStorableText(text);
  }
}
