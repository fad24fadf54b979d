import { Inject, Injectable } from '@nestjs/common';
import type { NoTokenUri } from './chain/contract-reader.js';
import { Deadline } from '@app/safe-http';
import { DocumentReader } from './document/document-reader.js';
import type { FailedRequest, FetchOutcome, Validators } from './fetch-outcome.js';
import { GatewayBackoff } from './uri/gateway-backoff.js';
import { parseGateways, type Gateways } from './uri/gateways.js';
import { isGatewayUrl } from './uri/gateway-url.js';
import { SsrfSafeHttp, SAFE_HTTP_CONFIG, type SafeResponse, type SafeHttpConfig } from '@app/safe-http';
import { TokenUriBudget } from './chain/token-uri-budget.js';
import { LARGE_BODY, BodyBufferPool, AcquireTimeout, type Place } from '@app/safe-http';
import type { Candidate, LocatedMetadata } from './uri/located-metadata.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from './metadata-fetch.options.js';
import { MetadataFetcher, type FetchTarget, type MetadataLocation } from './metadata-fetcher.js';
import type { DocumentToRead, ReadDocument } from './document/read-document.js';
import { MetadataSource, type Located } from './metadata-source.js';
import { readRetryAfterSeconds } from '@app/safe-http';
import { sanitizeForPostgres } from './document/sanitize-for-postgres.js';
import type { TokenStandard } from './uri/token-id-template.js';
import { locateMetadata } from './uri/token-uri.js';
import type { TokenUri } from './uri/uri-rule.js';

/** An outcome before the requests that came before it are known. */
type Outcome<Kind extends FetchOutcome['kind'] = FetchOutcome['kind']> = WithoutEarlier<
  Extract<FetchOutcome, { kind: Kind }>
>;
type WithoutEarlier<T> = T extends unknown ? Omit<T, 'otherRequests'> : never;

/** A target whose token URI is known. */
type KnownTarget = FetchTarget & Pick<DocumentToRead, 'acceptsMedia'>;

const THROTTLED = [429, 503];

/** Locate, request, decode, normalise: one attempt at one token, within one deadline. */
@Injectable()
export class HttpMetadataFetcher extends MetadataFetcher {
  private readonly gateways: Gateways;
  private readonly health = new GatewayBackoff();

  constructor(
    private readonly http: SsrfSafeHttp,
    private readonly reader: DocumentReader,
    private readonly bodyBuffers: BodyBufferPool,
    private readonly kept: TokenUriBudget,
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
    const place = toPlace(located, target.source);
    if (place.kind !== 'token_uri') return withoutTokenUri(place, Math.round(performance.now() - startedAt));

    try {
      const acceptsMedia = !target.hasDocument && !isMetadataApi(located, target.source);
      return await this.fetchFrom(place, { ...target, source: place, acceptsMedia }, signal);
    } finally {
      this.kept.release(place);
    }
  }

  override supports(source: MetadataLocation): boolean {
    return this.metadataSource.supports(source);
  }

  override prepare(targets: readonly FetchTarget[]): void {
    this.metadataSource.prepare(targets);
  }

  private async fetchFrom(place: TokenUri, known: KnownTarget, signal?: AbortSignal): Promise<FetchOutcome> {
    const startedAt = performance.now();
    const { uri, standard } = place;
    const seat = this.bodyBuffers.place();
    try {
      if (uri.length > LARGE_BODY) await seat.take(ownerOf(known));
      const located = locateMetadata(uri, { tokenId: known.tokenId, standard }, this.gateways);
      switch (located.kind) {
        case 'invalid':
          return { ...refused(located), otherRequests: [] };
        case 'document':
          return { ...(await this.readInline(known, located)), otherRequests: [] };
        case 'request':
          // The URI is read; its body takes one anew, if that is large.
          seat.leave();
          return await this.request(known, located, seat, signal);
      }
    } catch (error) {
      if (!(error instanceof AcquireTimeout)) throw error;
      return withoutTokenUri({ kind: 'unreachable', reason: 'busy' }, Math.round(performance.now() - startedAt));
    } finally {
      seat.leave();
    }
  }

  /**
   * Asks one candidate after the other, each within its share of what is left of the deadline, until one has the
   * document. If none has, a gateway that asks us to come back later decides, since that can be done, or one that is still
   * looking for the document; else the last one.
   */
  private async request(
    target: KnownTarget,
    { uri, candidates }: Extract<LocatedMetadata, { kind: 'request' }>,
    place: Place,
    signal: AbortSignal | undefined,
  ): Promise<FetchOutcome> {
    const ordered = candidates.length > 1 ? this.health.order(candidates) : candidates;
    const failed: { outcome: Outcome; candidate: Candidate }[] = [];
    let remainingMs = this.httpConfig.deadlineMs;
    for (const [index, candidate] of ordered.entries()) {
      const shareMs = remainingMs / (ordered.length - index);
      const deadline = new Deadline(shareMs, signal);
      const outcome = await this.requestOne(target, { ...candidate, uri }, deadline, place);
      remainingMs -= shareMs - deadline.remainingMs;
      const isGood = outcome.kind === 'fetched' || outcome.kind === 'not_modified';
      if (ordered.length > 1) this.noteHealth(candidate, outcome);
      if (isGood || isOurDoing(outcome) || signal?.aborted)
        return { ...outcome, otherRequests: failed.map(({ outcome: other }) => toFailed(other)) };
      failed.push({ outcome, candidate });
    }
    const decisive =
      failed.find(({ outcome }) => isThrottled(outcome)) ??
      failed.find(({ outcome }) => outcome.kind === 'bad_status' && outcome.isPending) ??
      failed.at(-1)!;
    const otherRequests = failed.filter((one) => one !== decisive).map(({ outcome }) => toFailed(outcome));
    return { ...decisive.outcome, otherRequests };
  }

  private async requestOne(
    target: KnownTarget,
    candidate: Candidate & { uri: string },
    deadline: Deadline,
    place: Place,
  ): Promise<Outcome> {
    const startedAt = performance.now();
    const onLargeBody = async () => {
      deadline.pause();
      const room = await place.take(ownerOf(target, candidate));
      deadline.resume();
      return room;
    };
    const validators = target.validators?.url === candidate.publicUrl ? target.validators : undefined;
    try {
      const headers = { ...candidate.headers, ...conditionsOf(validators) };
      const answer = await this.http.get({ url: candidate.url, headers, signal: deadline.signal, onLargeBody });
      // Reading is ours.
      deadline.clear();
      const trace = {
        url: candidate.publicUrl,
        durationMs: Math.round(performance.now() - startedAt),
        bytes: answer.kind === 'answer' ? answer.body.length : 0,
      };
      return await this.toOutcome({ ...target, uri: candidate.uri }, answer, trace, validators);
    } finally {
      deadline.clear();
      place.leave();
    }
  }

  private async toOutcome(
    target: KnownTarget & { uri: string },
    answer: SafeResponse,
    trace: { url: string; durationMs: number; bytes: number },
    sent: Validators | undefined,
  ): Promise<Outcome> {
    if (answer.kind === 'unreachable') return { kind: 'unreachable', reason: answer.reason, ...trace };
    const { status, headers, body } = answer;
    // After a redirect to another origin nothing was sent, so "not modified" says nothing.
    if (status === 304 && sent && answer.sentRequestHeaders) return { kind: 'not_modified', validators: sent, ...trace };
    if (status !== 200) {
      const isPending = status === 202 && [trace.url, answer.url].some((url) => isGatewayUrl(url, this.gateways));
      const mayWait = isPending || THROTTLED.includes(status);
      const seconds = mayWait ? readRetryAfterSeconds(headers, new Date()) : undefined;
      const retryAfter = seconds === undefined ? {} : { retryAfterSeconds: seconds };
      return {
        kind: 'bad_status',
        status,
        ...(isPending && { isPending }),
        body: this.bodyText(body),
        ...retryAfter,
        ...trace,
      };
    }
    const contentType = headers['content-type'] ?? null;
    const beginning = this.beginningOf(body);
    // What is written down of it is the same, whichever gateway has served it.
    const read = await this.read(target, { body, contentType, url: target.uri });
    if (read.kind === 'undecodable') {
      return { kind: 'undecodable', reason: read.reason, body: this.bodyText(beginning), ...trace };
    }
    const { etag, 'last-modified': lastModified } = headers;
    return { kind: 'fetched', metadata: read.metadata, validators: { url: trace.url, etag, lastModified }, ...trace };
  }

  private async readInline(
    target: KnownTarget,
    { body, contentType, url }: Extract<LocatedMetadata, { kind: 'document' }>,
  ): Promise<Outcome> {
    const startedAt = performance.now();
    const bytes = body.length;
    const beginning = this.beginningOf(body);
    const read = await this.read(target, { body, contentType, url });
    const trace = { url, durationMs: Math.round(performance.now() - startedAt), bytes };
    return read.kind === 'undecodable'
      ? { kind: 'undecodable', reason: read.reason, body: this.bodyText(beginning), ...trace }
      : { kind: 'fetched', metadata: read.metadata, validators: { url }, ...trace };
  }

  private read(
    { source, tokenId, acceptsMedia }: KnownTarget,
    found: Pick<DocumentToRead, 'body' | 'contentType' | 'url'>,
  ): Promise<ReadDocument> {
    const { gateways } = this;
    return this.reader.read({ ...found, tokenId, standard: standardOf(source), gateways, acceptsMedia });
  }

  private noteHealth({ url }: Candidate, outcome: Outcome): void {
    if (isOurDoing(outcome)) return;
    const isInTrouble =
      (outcome.kind === 'unreachable' && outcome.reason !== 'too_large') ||
      (outcome.kind === 'bad_status' && (outcome.status === 429 || outcome.status >= 500));
    if (isInTrouble) this.health.noteFailure(url);
    else this.health.noteAnswer(url);
  }

  /** Of a body that is gone after reading, a copy. Text is made of it only if it is shown. */
  private beginningOf(body: Uint8Array): Uint8Array {
    return new Uint8Array(body.subarray(0, this.httpConfig.errorBodyBytes));
  }

  /** The beginning of a body as text that can be stored; a character that the cut went through is dropped. */
  private bodyText(body: Uint8Array): string {
    const text = new TextDecoder().decode(body.subarray(0, this.httpConfig.errorBodyBytes), { stream: true });
    return sanitizeForPostgres(text);
  }
}

function toPlace(located: Located, source: MetadataLocation): TokenUri | NoTokenUri {
  if (located !== null && typeof located === 'object') return located;
  return { kind: 'token_uri', uri: located ?? '', standard: standardOf(source) };
}

/**
 * Whether a server of the project's answers, which has nothing but documents to say. What lies under a metadata URL of
 * `ipfs:`, `ipns:` or `ar:` is a file that its creator put there, as it is behind a token URI.
 */
function isMetadataApi(located: Located, source: MetadataLocation): boolean {
  return source.kind === 'metadata_api' && typeof located === 'string' && /^\s*https?:/i.test(located);
}

/** The contract or its node has decided: nothing was requested. */
function withoutTokenUri(answer: NoTokenUri, durationMs: number): FetchOutcome {
  const trace = { url: '', durationMs, bytes: 0, otherRequests: [] };
  return answer.kind === 'undecodable' ? { ...answer, body: '', ...trace } : { ...answer, ...trace };
}

function standardOf(source: MetadataLocation): TokenStandard | undefined {
  return source.kind === 'token_uri' ? source.standard : undefined;
}

/** Who takes turns with others for large bodies: a collection, since names of hosts cost nothing. */
function ownerOf({ collectionId }: FetchTarget, candidate?: Candidate): string {
  return collectionId ?? (candidate ? new URL(candidate.url).host : '');
}

function conditionsOf(validators: Validators | undefined): Record<string, string> {
  return {
    ...(validators?.etag && { 'if-none-match': validators.etag }),
    ...(validators?.lastModified && { 'if-modified-since': validators.lastModified }),
  };
}

/** A URI that cannot be requested or decoded: said without a request. */
function refused({ reason, url }: Extract<LocatedMetadata, { kind: 'invalid' }>): Outcome {
  const trace = { url, durationMs: 0, bytes: 0 };
  return reason === 'invalid_data_uri'
    ? { kind: 'undecodable', reason, body: '', ...trace }
    : { kind: 'unreachable', reason, ...trace };
}

/** Another gateway would have to wait as well. */
function isOurDoing(outcome: Outcome): boolean {
  return outcome.kind === 'unreachable' && outcome.reason === 'busy';
}

function isThrottled(outcome: Outcome): boolean {
  return outcome.kind === 'bad_status' && THROTTLED.includes(outcome.status);
}

function toFailed(outcome: Outcome): FailedRequest {
  const { url, durationMs, bytes } = outcome;
  switch (outcome.kind) {
    case 'bad_status':
      return { url, durationMs, bytes, status: outcome.status, reason: `status_${outcome.status}` };
    case 'undecodable':
      return { url, durationMs, bytes, status: 200, reason: outcome.reason };
    case 'unreachable':
    case 'no_token':
      return { url, durationMs, bytes, status: null, reason: outcome.reason };
    default:
      return { url, durationMs, bytes, status: 200, reason: '' };
  }
}
