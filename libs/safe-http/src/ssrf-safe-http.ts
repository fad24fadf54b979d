import { lookup } from 'node:dns';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Axios, AxiosHeaders, type AxiosAdapter, type AxiosRequestConfig } from 'axios';
import type { Dispatcher } from 'undici';
import { publicLookup } from './ssrf-filter.js';
import { openConnections } from './connections.js';
import type { RequestFailureReason } from './request-failure.js';
import { checkUrl, type CheckedUrl, type UrlRules } from './url-rules.js';
import { exchange, type ExchangeRequest, type HttpResponse } from './http-exchange.js';
import { SAFE_HTTP_CONFIG, type SafeHttpConfig } from './safe-http.options.js';
import { NameResolver } from './name-resolver.js';
import type { RequestSignal } from './request-signal.js';

export interface SafeRequest {
  url: string;
  /** Sent to this URL's origin only; a redirect to another one goes without. */
  headers?: Readonly<Record<string, string>>;
  signal: RequestSignal;
  /** Called once when the body proves large; reading continues in the buffer it resolves with. Absent: without a wait. */
  onLargeBody?: (() => Promise<Buffer>) | undefined;
}

/** A POST to an untrusted URL. */
export interface SafePost {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  signal: RequestSignal;
  /**
   * true: the body of a 200 is read whole, and the request is idempotent. false: a message, of which only the status of the
   * response counts, and which is never sent twice.
   */
  expectsBody: boolean;
  /** The largest body of a 200, in bytes. Default and maximum: that of a document. */
  maxBytes?: number;
  /** As in SafeRequest. Absent: a large body is read without a wait. */
  onLargeBody?: (() => Promise<Buffer>) | undefined;
}

/** The response to a request, or the reason why there is none. */
export type SafeResponse =
  /** `sentRequestHeaders`: whether the request's own headers went to the host that responded. */
  | ({ kind: 'response'; url: string; sentRequestHeaders: boolean; redirects: readonly string[] } & HttpResponse)
  | { kind: 'unreachable'; url: string; reason: RequestFailureReason; redirects: readonly string[] };

/** The URLs that redirects have led to, in order; almost always none. */
const NO_REDIRECTS: readonly string[] = Object.freeze([]);

/**
 * One request, as axios passes it to our adapter. A class, since axios deep-copies plain objects. It carries the signal, the
 * URL and the headers itself: axios would drop the status of an error response whose body was cut short, and would parse
 * and copy the others once more.
 */
class Hop {
  constructor(readonly request: ExchangeRequest) {}
}

/** axios copies and checks each field of a configuration, so it has no other. */
interface HopConfig extends AxiosRequestConfig {
  hop: Hop;
}

/** The real ones are in `data`, unchanged. */
const NO_HEADERS = new AxiosHeaders();

/** Share of the deadline for name resolution; the rest is for the host. */
const DNS_TIMEOUT_FRACTION = 2 / 3;

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * The HTTP client for untrusted URLs, with protection against SSRF. It checks every hop as a URL and again when its name
 * is resolved, and follows redirects itself. The caller's signal is one deadline for everything. It sends no cookies and
 * no credentials, and uses no proxy. axios is the interface; the adapter beneath it does only what is needed here.
 */
@Injectable()
export class SsrfSafeHttp implements OnApplicationShutdown {
  private readonly rules: UrlRules;
  /** Default headers of every request. */
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
    // Two pools: a connection that was opened without the SSRF filter is never used for a URL that needs it.
    this.connections = {
      public: openConnections({ ...options, lookup: publicLookup(config.lookup ?? resolver.lookup) }),
      exempt: openConnections({ ...options, lookup: config.lookup ?? lookup }),
    };
    // Without axios' defaults (JSON, XSRF, limits), which it would merge into each request.
    this.axios = new Axios({ adapter });
  }

  /** Never rejects because of what the host does. */
  async get(request: SafeRequest): Promise<SafeResponse> {
    const { signal, onLargeBody } = request;
    let url = request.url;
    let headers = this.withDefaults(request.headers);
    let sentRequestHeaders = true;
    let redirects = NO_REDIRECTS;
    for (let hops = 0; ; hops += 1) {
      const checked = this.check(url);
      if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason, redirects };
      try {
        const { data: response } = await this.axios.request<HttpResponse>(
          configFor({
            url: checked.url,
            body: null,
            idempotent: true,
            headers,
            connections: this.connectionsFor(checked),
            signal,
            maxBytes: this.config.maxBytes,
            errorBodyBytes: this.config.errorBodyBytes,
            onLargeBody,
          }),
        );
        const location = REDIRECTS.includes(response.status) ? utf8(response.headers['location']) : undefined;
        if (location === undefined) return toResponse(response, url, { sentRequestHeaders, redirects });
        if (hops >= this.config.maxRedirects) {
          return { kind: 'unreachable', url, reason: 'too_many_redirects', redirects };
        }
        const next = URL.parse(location, url);
        if (!next) return { kind: 'unreachable', url, reason: 'invalid_uri', redirects };
        if (next.origin !== checked.url.origin) {
          headers = this.headers;
          sentRequestHeaders = false;
        }
        url = next.href;
        redirects = [...redirects, url];
      } catch (error) {
        return { kind: 'unreachable', url, reason: signal.aborted ? 'timeout' : reasonFor(error), redirects };
      }
    }
  }

  /** Follows no redirect, which would hand the body to another host. Never rejects because of what the host does. */
  async post(request: SafePost): Promise<SafeResponse> {
    const { url, body, signal, expectsBody, maxBytes = Infinity, onLargeBody } = request;
    const checked = this.check(url);
    const redirects = NO_REDIRECTS;
    if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason, redirects };
    try {
      const { data: response } = await this.axios.request<HttpResponse>(
        configFor({
          url: checked.url,
          body,
          idempotent: expectsBody,
          headers: this.withDefaults(request.headers),
          connections: this.connectionsFor(checked),
          signal,
          maxBytes: expectsBody ? Math.min(maxBytes, this.config.maxBytes) : null,
          errorBodyBytes: this.config.errorBodyBytes,
          onLargeBody,
        }),
      );
      return toResponse(response, url, { sentRequestHeaders: true, redirects });
    } catch (error) {
      return { kind: 'unreachable', url, reason: signal.aborted ? 'timeout' : reasonFor(error), redirects };
    }
  }

  /** Checks a URL before its name is resolved. */
  check(url: string): CheckedUrl {
    return checkUrl(url, this.rules);
  }

  /** Not in an earlier hook: a worker finishes its fetches while the application stops. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.connections.public.destroy(), this.connections.exempt.destroy()]);
  }

  private withDefaults(headers: SafeRequest['headers']): Readonly<Record<string, string>> {
    return headers ? { ...this.headers, ...headers } : this.headers;
  }

  private connectionsFor({ isExempt }: { isExempt: boolean }): Dispatcher {
    return isExempt ? this.connections.exempt : this.connections.public;
  }
}

function configFor(request: ExchangeRequest): HopConfig {
  return { hop: new Hop(request) };
}

const adapter: AxiosAdapter = async (config) => {
  const response = await exchange((config as unknown as HopConfig).hop.request);
  return { status: response.status, statusText: '', headers: NO_HEADERS, data: response, config };
};

function toResponse(
  { status, headers, body }: HttpResponse,
  url: string,
  { sentRequestHeaders, redirects }: { sentRequestHeaders: boolean; redirects: readonly string[] },
): SafeResponse {
  return { kind: 'response', url, sentRequestHeaders, redirects, status, headers, body };
}

/** Headers arrive as Latin-1. Browsers read non-ASCII characters in a location as UTF-8. */
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
  // Errors of a resolver come first: their codes, such as ECONNREFUSED, mean something else than those of a host.
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  if (/^(?:getaddrinfo|query)/.test(call)) return 'dns';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (REASONS[code]) return REASONS[code];
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)) return 'tls';
  return 'connection';
}
