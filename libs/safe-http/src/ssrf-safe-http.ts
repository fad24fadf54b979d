import { lookup } from 'node:dns';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Axios, AxiosHeaders, type AxiosAdapter, type AxiosRequestConfig } from 'axios';
import type { Dispatcher } from 'undici';
import { publicLookup } from './ssrf-filter.js';
import { openConnections } from './connections.js';
import type { RequestFailureReason } from './request-failure.js';
import { checkUrl, type CheckedUrl, type UrlRules } from './url-rules.js';
import { exchange, type HttpResponse } from './http-exchange.js';
import { SAFE_HTTP_CONFIG, type SafeHttpConfig } from './safe-http.options.js';
import { NameResolver } from './name-resolver.js';

export interface SafeRequest {
  url: string;
  /** Sent to this URL's origin only; a redirect to another one goes without. */
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
  /** Asked once when the body turns out to be large; it is read on into what this resolves with. */
  onLargeBody: () => Promise<Buffer>;
}

export interface SafePost {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  signal: AbortSignal;
  /** A question: the body of a 200 matters, and has to be whole. Otherwise a message: the status is enough. */
  expectsBody: boolean;
  /** The largest body of a 200, in bytes; at most, and unless said, that of a document. */
  maxBytes?: number;
  /** As of SafeRequest. Without it, a body of any size is read on at once. */
  onLargeBody?: (() => Promise<Buffer>) | undefined;
}

export type SafeResponse =
  /** sentRequestHeaders: the request's own headers were sent to the one who answered. */
  | ({ kind: 'answer'; url: string; sentRequestHeaders: boolean } & HttpResponse)
  | { kind: 'unreachable'; url: string; reason: RequestFailureReason };

/**
 * One request, as axios hands it on to our adapter. A class, since axios copies plain objects member by member; and the
 * deadline is not axios' `signal`, which would also throw away the status of an error whose body it cut short.
 */
class Hop {
  constructor(
    readonly checked: Extract<CheckedUrl, { kind: 'url' }>,
    readonly headers: Readonly<Record<string, string>>,
    readonly request: SafeRequest | SafePost,
  ) {}
}

interface HopConfig extends AxiosRequestConfig {
  hop: Hop;
}

/** Those of an answer are in its data, as they came. */
const NO_HEADERS = new AxiosHeaders();

/** Of the deadline: what is left is for the host. */
const DNS_TIMEOUT_FRACTION = 2 / 3;

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * HTTP for addresses that strangers wrote. Every hop is checked as a URL and again when its name is dialled; redirects
 * are followed by hand; the caller's signal is one deadline for everything. Nothing is sent that could identify
 * anybody: no cookies, no credentials, no proxy. axios is the face; the adapter beneath it is the short one that we need.
 */
@Injectable()
export class SsrfSafeHttp implements OnApplicationShutdown {
  private readonly rules: UrlRules;
  /** Sent with every request. */
  private readonly headers: Readonly<Record<string, string>>;
  private readonly connections: Record<'public' | 'exempt', Dispatcher>;
  private readonly axios: Axios;

  constructor(@Inject(SAFE_HTTP_CONFIG) private readonly config: SafeHttpConfig) {
    this.rules = { allowedHosts: new Set(config.allowedHosts), extraPorts: new Set(config.extraPorts) };
    this.headers = {
      accept: 'application/json, */*;q=0.5',
      'accept-encoding': 'gzip, deflate, br',
      'user-agent': config.userAgent,
    };
    const options = { maxConnections: config.maxConnectionsPerHost, connectTimeoutMs: config.deadlineMs };
    const resolver = new NameResolver(config.deadlineMs * DNS_TIMEOUT_FRACTION, config.nameServers);
    // Two sets: a connection that was dialled without the filter is never used for a URL that needs it.
    this.connections = {
      public: openConnections({ ...options, lookup: publicLookup(config.lookup ?? resolver.lookup) }),
      exempt: openConnections({ ...options, lookup: config.lookup ?? lookup }),
    };
    // Without axios' defaults, which it would merge into each request: JSON, XSRF, limits, none of it ours.
    this.axios = new Axios({ adapter: this.adapter, validateStatus: null });
  }

  /** Never throws for what a stranger's host does. */
  async get(request: SafeRequest): Promise<SafeResponse> {
    const given = request.headers ?? {};
    let url = request.url;
    let headers = given;
    for (let hops = 0; ; hops += 1) {
      const checked = this.check(url);
      if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason };
      try {
        const config: HopConfig = { url, hop: new Hop(checked, headers, request) };
        const { data: answer } = await this.axios.request<HttpResponse>(config);
        const location = REDIRECTS.includes(answer.status) ? utf8(answer.headers['location']) : undefined;
        if (location === undefined) return { kind: 'answer', url, sentRequestHeaders: headers === given, ...answer };
        if (hops >= this.config.maxRedirects) return { kind: 'unreachable', url, reason: 'too_many_redirects' };
        const next = URL.parse(location, url);
        if (!next) return { kind: 'unreachable', url, reason: 'invalid_uri' };
        if (next.origin !== checked.url.origin) headers = {};
        url = next.href;
      } catch (error) {
        return { kind: 'unreachable', url, reason: request.signal.aborted ? 'timeout' : reasonFor(error) };
      }
    }
  }

  /** The answer to one request. No redirect is followed: that would hand what is posted to somebody else. */
  async post(request: SafePost): Promise<SafeResponse> {
    const { url, headers, signal } = request;
    const checked = this.check(url);
    if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason };
    try {
      const config: HopConfig = { url, hop: new Hop(checked, headers, request) };
      const { data: answer } = await this.axios.request<HttpResponse>(config);
      return { kind: 'answer', url, sentRequestHeaders: true, ...answer };
    } catch (error) {
      return { kind: 'unreachable', url, reason: signal.aborted ? 'timeout' : reasonFor(error) };
    }
  }

  /** What can be said of a URL before its name is dialled. */
  check(url: string): CheckedUrl {
    return checkUrl(url, this.rules);
  }

  /** Not before: a worker finishes its fetches while the application stops. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.connections.public.destroy(), this.connections.exempt.destroy()]);
  }

  private readonly adapter: AxiosAdapter = async (config) => {
    const { checked, headers, request } = (config as unknown as HopConfig).hop;
    const answer = await exchange({
      url: checked.url,
      headers: { ...this.headers, ...headers },
      connections: this.connections[checked.isExempt ? 'exempt' : 'public'],
      signal: request.signal,
      ...('body' in request
        ? {
            body: request.body,
            idempotent: request.expectsBody,
            maxBytes: request.expectsBody ? Math.min(request.maxBytes ?? Infinity, this.config.maxBytes) : null,
          }
        : { idempotent: true, maxBytes: this.config.maxBytes }),
      onLargeBody: request.onLargeBody,
      errorBodyBytes: this.config.errorBodyBytes,
    });
    return { status: answer.status, statusText: '', headers: NO_HEADERS, data: answer, config };
  };
}

/** A header comes as Latin-1; what is beyond ASCII in a location is UTF-8, as browsers take it. */
function utf8(header: string | undefined): string | undefined {
  return header === undefined ? undefined : Buffer.from(header, 'latin1').toString('utf8');
}

const REASONS: Readonly<Record<string, RequestFailureReason>> = {
  BLOCKED_ADDRESS: 'blocked_address',
  TOO_LARGE: 'too_large',
  ACQUIRE_TIMEOUT: 'busy',
  INCOMPLETE: 'incomplete_body',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ENODATA: 'dns',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  UND_ERR_SOCKET: 'connection_reset',
  EPIPE: 'connection_reset',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
};

function reasonFor(error: unknown): RequestFailureReason {
  // A resolver has codes of its own, and some that mean something else of a host, such as ECONNREFUSED.
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  if (/^(?:getaddrinfo|query)/.test(call)) return 'dns';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (REASONS[code]) return REASONS[code];
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)) return 'tls';
  return 'connection';
}
