import {
  AcquireTimeout,
  BodyBufferPool,
  Deadline,
  LARGE_BODY,
  readRetryAfterSeconds,
  SAFE_HTTP_CONFIG,
  SsrfSafeHttp,
  type Permit,
  type SafeHttpConfig,
  type SafeResponse,
} from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import type { NoTokenUri } from './chain/contract-reader.js';
import { TokenUriBudget } from './chain/token-uri-budget.js';
import { DocumentReader } from './document/document-reader.js';
import type { FetchedMetadata } from './document/fetched-metadata.js';
import type { DocumentToRead } from './document/read-document.js';
import { sanitizeForPostgres } from './document/sanitize-for-postgres.js';
import type { StoredDocument } from './document/stored-document.js';
import type { FailedRequest, FetchOutcome, FetchTrace, Validators } from './fetch-outcome.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from './metadata-fetch.options.js';
import { MetadataFetcher, type FetchTarget, type MetadataLocation } from './metadata-fetcher.js';
import { MetadataSource, type Located } from './metadata-source.js';
import { GatewayBackoff } from './uri/gateway-backoff.js';
import { isGatewayUrl } from './uri/is-gateway-url.js';
import { parseGateways, type Gateways } from './uri/gateways.js';
import type { Candidate, LocatedMetadata } from './uri/located-metadata.js';
import { hasErc1155Id, type TokenStandard } from './uri/erc1155-id.js';
import { locateMetadata } from './uri/token-uri.js';
import type { TokenUri } from './uri/uri-rule.js';

/** One attempt at a token whose token URI is known. */
interface Attempt {
  target: FetchTarget;
  standard: TokenStandard | undefined;
  acceptsMedia: boolean;
  isOfCollection?: boolean;
  permit: Permit;
  signal: AbortSignal | undefined;
}

const THROTTLED = [429, 503];
const NO_REQUESTS: readonly FailedRequest[] = Object.freeze([]);

/** One attempt at one token, within one deadline: locate, request, decode, normalise; fails over between gateways. */
@Injectable()
export class HttpMetadataFetcher extends MetadataFetcher {
  private readonly gateways: Gateways;
  private readonly gatewayBackoff = new GatewayBackoff();

  constructor(
    private readonly http: SsrfSafeHttp,
    private readonly reader: DocumentReader,
    private readonly bodyBuffers: BodyBufferPool,
    private readonly tokenUriBudget: TokenUriBudget,
    private readonly metadataSource: MetadataSource,
    @Inject(METADATA_FETCH_CONFIG) config: MetadataFetchConfig,
    @Inject(SAFE_HTTP_CONFIG) private readonly httpConfig: SafeHttpConfig,
  ) {
    super();
    this.gateways = parseGateways({ ...config, allowedHosts: httpConfig.allowedHosts });
  }

  override async fetch(target: FetchTarget, signal?: AbortSignal): Promise<FetchOutcome> {
    const startedAt = performance.now();
    const located = await this.metadataSource.locate(target, signal);
    const tokenUri = toTokenUri(located, target.source);
    if (tokenUri.kind !== 'token_uri') return withoutRequest(tokenUri, Math.round(performance.now() - startedAt));

    const acceptsMedia = !target.hasDocument && !isMetadataApi(located, target.source);
    try {
      return await this.attempt(tokenUri.uri, { target, standard: tokenUri.standard, acceptsMedia, signal });
    } finally {
      this.tokenUriBudget.release(tokenUri);
    }
  }

  override async fetchDocument(uri: string, collectionId: string, signal?: AbortSignal): Promise<FetchOutcome> {
    // Only tokens of ERC-1155 have a placeholder for their id.
    const target: FetchTarget = { source: { kind: 'token_uri', uri }, tokenId: '0', collectionId };
    return this.attempt(uri, { target, standard: undefined, acceptsMedia: false, isOfCollection: true, signal });
  }

  override async readStored(target: FetchTarget, { document, warnings }: StoredDocument): Promise<FetchedMetadata> {
    const read = await this.reader.read({
      body: Buffer.from(document),
      contentType: null,
      url: '',
      tokenId: target.tokenId,
      standard: hasErc1155Id(document) ? await this.findStandard(target) : undefined,
      gateways: this.gateways,
      acceptsMedia: false,
      storedWarnings: warnings,
    });
    if (read.kind === 'undecodable') throw new Error(`The stored document cannot be read: ${read.reason}.`);
    return read.metadata;
  }

  override supports(source: MetadataLocation): boolean {
    return this.metadataSource.supports(source);
  }

  override rejectionReason(metadataUrl: string): string | null {
    const located = locateMetadata(metadataUrl, { tokenId: '1' }, this.gateways);
    if (located.kind !== 'request') return null;
    const checked = located.candidates.map(({ url }) => this.http.check(url));
    const [first] = checked;
    return first?.kind === 'refused' && checked.every(({ kind }) => kind === 'refused') ? first.reason : null;
  }

  override prepare(targets: readonly FetchTarget[]): void {
    this.metadataSource.prepare(targets);
  }

  private async attempt(uri: string, given: Omit<Attempt, 'permit'>): Promise<FetchOutcome> {
    const startedAt = performance.now();
    const permit = this.bodyBuffers.createPermit();
    const attempt = { ...given, permit };
    const { target, standard } = attempt;
    try {
      if (uri.length > LARGE_BODY) await permit.acquire(ownerOf(target));
      const located = locateMetadata(uri, { tokenId: target.tokenId, standard }, this.gateways);
      switch (located.kind) {
        case 'invalid':
          return toInvalidOutcome(located);
        case 'document':
          return await this.readInline(attempt, located);
        case 'request':
          // The URI is parsed and needs no buffer any more; a large response body acquires one again.
          permit.release();
          return await this.request(attempt, located);
      }
    } catch (error) {
      if (!(error instanceof AcquireTimeout)) throw error;
      return withoutRequest({ kind: 'unreachable', reason: 'busy' }, Math.round(performance.now() - startedAt));
    } finally {
      permit.release();
    }
  }

  /** If the contract cannot be asked: only documents of ERC-1155 have `{id}`. */
  private async findStandard(target: FetchTarget): Promise<TokenStandard | undefined> {
    const { source } = target;
    const tokenUri = toTokenUri(await this.metadataSource.locate(target), source);
    if (tokenUri.kind !== 'token_uri') {
      return source.kind === 'chain' && source.uriRule !== 'as_is' ? 'erc1155' : undefined;
    }
    this.tokenUriBudget.release(tokenUri);
    return tokenUri.standard;
  }

  /**
   * Requests one candidate after the other until one returns the document. Each gets an equal share of the remaining
   * deadline. If all fail, the outcome is that of a gateway that asks for a retry later, else of one that is still looking for
   * the document, else of the last one.
   */
  private async request(
    attempt: Attempt,
    { uri, candidates }: Extract<LocatedMetadata, { kind: 'request' }>,
  ): Promise<FetchOutcome> {
    if (candidates.length === 1) {
      return this.requestOne(attempt, uri, candidates[0], new Deadline(this.httpConfig.deadlineMs, attempt.signal));
    }
    const ordered = this.gatewayBackoff.order(candidates);
    const failed: FetchOutcome[] = [];
    let remainingMs = this.httpConfig.deadlineMs;
    for (const [index, candidate] of ordered.entries()) {
      const shareMs = remainingMs / (ordered.length - index);
      const deadline = new Deadline(shareMs, attempt.signal);
      const outcome = await this.requestOne(attempt, uri, candidate, deadline);
      remainingMs -= shareMs - deadline.remainingMs;
      this.recordForBackoff(candidate, outcome);
      const isSuccess = outcome.kind === 'fetched' || outcome.kind === 'not_modified';
      if (isSuccess || isBusy(outcome) || attempt.signal?.aborted)
        return { ...outcome, otherRequests: failed.map(toFailedRequest) };
      failed.push(outcome);
    }
    const decisive =
      failed.find(isThrottled) ??
      failed.find((outcome) => outcome.kind === 'bad_status' && outcome.isPending) ??
      failed.at(-1)!;
    const otherRequests = failed.filter((outcome) => outcome !== decisive).map(toFailedRequest);
    return { ...decisive, otherRequests };
  }

  private async requestOne(
    attempt: Attempt,
    uri: string,
    candidate: Candidate,
    deadline: Deadline,
  ): Promise<FetchOutcome> {
    const { target, permit } = attempt;
    const startedAt = performance.now();
    const onLargeBody = async () => {
      deadline.pause();
      const buffer = await permit.acquire(ownerOf(target, candidate));
      deadline.resume();
      return buffer;
    };
    const validators = target.validators?.url === candidate.publicUrl ? target.validators : undefined;
    try {
      const headers = requestHeaders(candidate, validators);
      const response = await this.http.get({ url: candidate.url, headers, signal: deadline, onLargeBody });
      // Reading the document does not count towards the deadline.
      deadline.clear();
      const trace = {
        url: candidate.publicUrl,
        ...(response.redirects.length > 0 && { redirects: shownRedirects(candidate, response.redirects) }),
        durationMs: Math.round(performance.now() - startedAt),
        bytes: response.kind === 'response' ? response.body.length : 0,
        otherRequests: NO_REQUESTS,
      };
      return await this.toOutcome(attempt, uri, response, trace, validators);
    } finally {
      deadline.clear();
      permit.release();
    }
  }

  private async toOutcome(
    attempt: Attempt,
    uri: string,
    response: SafeResponse,
    trace: FetchTrace,
    sent: Validators | undefined,
  ): Promise<FetchOutcome> {
    if (response.kind === 'unreachable') return { ...trace, kind: 'unreachable', reason: response.reason };
    const { status, headers, body } = response;
    // After a redirect to another origin the validators were not sent, so a 304 means nothing.
    if (status === 304 && sent && response.sentRequestHeaders)
      return { ...trace, kind: 'not_modified', validators: sent };
    if (status !== 200) {
      const isPending = status === 202 && [trace.url, response.url].some((url) => isGatewayUrl(url, this.gateways));
      const isRetryable = isPending || THROTTLED.includes(status);
      const seconds = isRetryable ? readRetryAfterSeconds(headers, new Date()) : undefined;
      return {
        ...trace,
        kind: 'bad_status',
        status,
        ...(isPending && { isPending }),
        body: this.bodyText(body),
        ...(seconds !== undefined && { retryAfterSeconds: seconds }),
      };
    }
    // The token URI names the document, so that records do not depend on the gateway that served it.
    const found = { body, contentType: headers['content-type'] ?? null, url: uri };
    const validators = { url: trace.url, etag: headers['etag'], lastModified: headers['last-modified'] };
    return this.readDocument(attempt, found, validators, trace);
  }

  private async readInline(
    attempt: Attempt,
    found: Extract<LocatedMetadata, { kind: 'document' }>,
  ): Promise<FetchOutcome> {
    const startedAt = performance.now();
    const { url } = found;
    const trace = { url, durationMs: 0, bytes: found.body.length, otherRequests: NO_REQUESTS };
    const outcome = await this.readDocument(attempt, found, { url }, trace);
    return { ...outcome, durationMs: Math.round(performance.now() - startedAt) };
  }

  private async readDocument(
    { target, standard, acceptsMedia, isOfCollection }: Attempt,
    { body, contentType, url }: Pick<DocumentToRead, 'body' | 'contentType' | 'url'>,
    validators: Validators,
    trace: FetchTrace,
  ): Promise<FetchOutcome> {
    const beginning = this.beginningOf(body);
    const { tokenId } = target;
    const { gateways } = this;
    const document = { body, contentType, url, tokenId, standard, gateways, acceptsMedia, isOfCollection };
    const read = await this.reader.read(document);
    if (read.kind === 'undecodable')
      return { ...trace, kind: 'undecodable', reason: read.reason, body: this.bodyText(beginning) };
    const { metadata, collection } = read;
    return { ...trace, kind: 'fetched', metadata, ...(collection && { collection }), validators };
  }

  private recordForBackoff({ url }: Candidate, outcome: FetchOutcome): void {
    if (isBusy(outcome)) return;
    const isGatewayFailure =
      (outcome.kind === 'unreachable' && outcome.reason !== 'too_large') ||
      (outcome.kind === 'bad_status' && (outcome.status === 429 || outcome.status >= 500));
    if (isGatewayFailure) this.gatewayBackoff.recordFailure(url);
    else this.gatewayBackoff.recordSuccess(url);
  }

  /** A copy if reading may transfer the body to a thread. It is decoded only if it is shown. */
  private beginningOf(body: Uint8Array): Uint8Array {
    return body.length > LARGE_BODY ? new Uint8Array(body.subarray(0, this.httpConfig.errorBodyBytes)) : body;
  }

  /** The beginning of a body as storable text, without a truncated last character. */
  private bodyText(body: Uint8Array): string {
    const text = new TextDecoder().decode(body.subarray(0, this.httpConfig.errorBodyBytes), { stream: true });
    return sanitizeForPostgres(text);
  }
}

function toTokenUri(located: Located, source: MetadataLocation): TokenUri | NoTokenUri {
  if (located !== null && typeof located === 'object') return located;
  return { kind: 'token_uri', uri: located ?? '', standard: standardOf(source) };
}

/**
 * Whether the document comes from a Metadata API of the project, which serves documents only. Behind a metadata URL of
 * `ipfs:`, `ipns:` or `ar:` there may be any file, as behind a token URI.
 */
function isMetadataApi(located: Located, source: MetadataLocation): boolean {
  return source.kind === 'metadata_api' && typeof located === 'string' && /^\s*https?:/i.test(located);
}

/** The outcome of an attempt that ended before a request. */
function withoutRequest(failure: NoTokenUri, durationMs: number): FetchOutcome {
  const trace = { url: '', durationMs, bytes: 0, otherRequests: NO_REQUESTS };
  return failure.kind === 'undecodable' ? { ...failure, body: '', ...trace } : { ...failure, ...trace };
}

function standardOf(source: MetadataLocation): TokenStandard | undefined {
  return source.kind === 'token_uri' ? source.standard : undefined;
}

/** The owner in the queue for body buffers: the collection, since anyone can create more host names. */
function ownerOf({ collectionId }: FetchTarget, candidate?: Candidate): string {
  return collectionId ?? (candidate ? new URL(candidate.url).host : '');
}

/** undefined: none. */
function requestHeaders(
  { headers }: Candidate,
  validators: Validators | undefined,
): Record<string, string> | undefined {
  const { etag, lastModified } = validators ?? {};
  if (!etag && !lastModified) return headers;
  return {
    ...headers,
    ...(etag && { 'if-none-match': etag }),
    ...(lastModified && { 'if-modified-since': lastModified }),
  };
}

/** The outcome for a URI that can be neither requested nor decoded. */
function toInvalidOutcome({ reason, url }: Extract<LocatedMetadata, { kind: 'invalid' }>): FetchOutcome {
  const trace = { url, durationMs: 0, bytes: 0, otherRequests: NO_REQUESTS };
  return reason === 'invalid_data_uri'
    ? { kind: 'undecodable', reason, body: '', ...trace }
    : { kind: 'unreachable', reason, ...trace };
}

/** Of this process: no buffer was free, or no thread. It says nothing about a gateway. */
function isBusy(outcome: FetchOutcome): boolean {
  return 'reason' in outcome && (outcome.reason === 'busy' || outcome.reason === 'internal_error');
}

function isThrottled(outcome: FetchOutcome): boolean {
  return outcome.kind === 'bad_status' && THROTTLED.includes(outcome.status);
}

function toFailedRequest(outcome: FetchOutcome): FailedRequest {
  const { url, redirects, durationMs, bytes } = outcome;
  const request = { url, ...(redirects && { redirects }), durationMs, bytes };
  switch (outcome.kind) {
    case 'bad_status':
      return { ...request, status: outcome.status, reason: `status_${outcome.status}` };
    case 'undecodable':
      return { ...request, status: 200, reason: outcome.reason };
    case 'unreachable':
    case 'no_token':
      return { ...request, status: null, reason: outcome.reason };
    default:
      return { ...request, status: 200, reason: '' };
  }
}

/** A gateway may repeat its credentials anywhere in the URL that it redirects to. */
function shownRedirects({ url, publicUrl, headers }: Candidate, redirects: readonly string[]): string[] {
  const hasCredentials = headers !== undefined || url !== publicUrl;
  return redirects.map((text) => {
    const shown = new URL(text);
    [shown.username, shown.password] = ['', ''];
    return hasCredentials ? `${shown.protocol}//${shown.host}` : shown.href;
  });
}
