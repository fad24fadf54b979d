import http from 'node:http';
import https from 'node:https';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import axios, { AxiosHeaders, type AxiosAdapter, type AxiosInstance } from 'axios';
import { publicLookup } from './address-filter.js';
import type { UnreachableReason } from './fetch-outcome.js';
import { checkUrl, type UrlRules } from './guarded-url.js';
import { exchange, type HttpAnswer } from './http-exchange.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from './metadata-fetch.options.js';

export interface GuardedRequest {
  url: string;
  /** Sent to this URL's origin only; a redirect to another one goes without. */
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
  /** Asked once when the body turns out to be large; it is read on when this resolves. */
  onLargeBody: () => Promise<void>;
}

/** To a service that the operator named, such as a node. */
export interface GuardedPost extends Omit<GuardedRequest, 'headers' | 'onLargeBody'> {
  headers: Readonly<Record<string, string>>;
  body: string;
}

/**
 * What the adapter needs besides axios' own settings; axios hands on what it does not know. The deadline is not axios'
 * `signal`: that would also throw away the status of an error whose body was cut short by the deadline.
 */
interface AdapterConfig {
  deadline: AbortSignal;
  onLargeBody: () => Promise<void>;
}

type RequestConfig = AdapterConfig & { headers: Readonly<Record<string, string>> };

export type GuardedAnswer =
  /** hasOwnHeaders: the request's own headers were sent to the one who answered. */
  | ({ kind: 'answer'; url: string; hasOwnHeaders: boolean } & HttpAnswer)
  | { kind: 'unreachable'; url: string; reason: UnreachableReason };

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * HTTP for addresses that strangers wrote. Every hop is checked as a URL and again when its name is dialled; redirects
 * are followed by hand; the caller's signal is one deadline for everything. Nothing is sent that could identify
 * anybody: no cookies, no credentials, no proxy. axios is the face; the adapter beneath it is the short one that we need.
 */
@Injectable()
export class GuardedHttp implements OnApplicationShutdown {
  private readonly rules: UrlRules;
  private readonly agents: Record<'public' | 'exempt', { 'http:': http.Agent; 'https:': https.Agent }>;
  private readonly axios: AxiosInstance;

  constructor(@Inject(METADATA_FETCH_CONFIG) private readonly config: MetadataFetchConfig) {
    this.rules = { allowedHosts: new Set(config.allowedHosts), extraPorts: new Set(config.extraPorts) };
    const options = { keepAlive: true, maxSockets: config.maxSocketsPerHost };
    // Two sets: a connection that was dialled without the filter is never used for a URL that needs it.
    const filtered = { ...options, lookup: publicLookup(config.lookup) };
    const unfiltered = { ...options, lookup: config.lookup };
    this.agents = {
      public: { 'http:': new http.Agent(filtered), 'https:': new https.Agent(filtered) },
      exempt: { 'http:': new http.Agent(unfiltered), 'https:': new https.Agent(unfiltered) },
    };
    this.axios = axios.create({ adapter: this.adapter, validateStatus: null, maxRedirects: 0, proxy: false });
  }

  /** Never throws for what a stranger's host does. */
  async get({ url: first, headers = {}, signal, onLargeBody }: GuardedRequest): Promise<GuardedAnswer> {
    let url = first;
    let ownHeaders = headers;
    for (let hops = 0; ; hops += 1) {
      const checked = checkUrl(url, this.rules);
      if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason };
      try {
        const config: RequestConfig = { headers: ownHeaders, deadline: signal, onLargeBody };
        const { status, headers: answered, data } = await this.axios.get<Buffer>(url, config);
        const answer = { status, headers: answered as http.IncomingHttpHeaders, body: data };
        const location = REDIRECTS.includes(status) ? utf8(answer.headers.location) : undefined;
        if (location === undefined) return { kind: 'answer', url, hasOwnHeaders: ownHeaders === headers, ...answer };
        if (hops >= this.config.maxRedirects) return { kind: 'unreachable', url, reason: 'too_many_redirects' };
        if (!URL.canParse(location, url)) return { kind: 'unreachable', url, reason: 'invalid_uri' };
        const next = new URL(location, url);
        if (next.origin !== checked.url.origin) ownHeaders = {};
        url = next.href;
      } catch (error) {
        return { kind: 'unreachable', url, reason: signal.aborted ? 'timeout' : reasonFor(error) };
      }
    }
  }

  /** The same for a POST, which no redirect is followed for: that would hand its credentials to somebody else. */
  async post({ url, headers, body, signal }: GuardedPost): Promise<GuardedAnswer> {
    const checked = checkUrl(url, this.rules);
    if (checked.kind === 'refused') return { kind: 'unreachable', url, reason: checked.reason };
    try {
      const config: RequestConfig = { headers, deadline: signal, onLargeBody: () => Promise.resolve() };
      const { status, headers: answered, data } = await this.axios.post<Buffer>(url, body, config);
      const answer = { status, headers: answered as http.IncomingHttpHeaders, body: data };
      return { kind: 'answer', url, hasOwnHeaders: true, ...answer };
    } catch (error) {
      return { kind: 'unreachable', url, reason: signal.aborted ? 'timeout' : reasonFor(error) };
    }
  }

  /** Not before: a worker finishes its fetches while the application stops. */
  onApplicationShutdown(): void {
    for (const agents of Object.values(this.agents)) for (const agent of Object.values(agents)) agent.destroy();
  }

  private readonly adapter: AxiosAdapter = async (config) => {
    const checked = checkUrl(config.url ?? '', this.rules);
    if (checked.kind === 'refused') throw new Error(checked.reason);
    const { deadline, onLargeBody } = config as unknown as AdapterConfig;
    const protocol = checked.url.protocol as 'http:' | 'https:';
    const { status, headers, body } = await exchange({
      url: checked.url,
      body: config.data as string | undefined,
      agent: this.agents[checked.isExempt ? 'exempt' : 'public'][protocol],
      signal: deadline,
      onLargeBody,
      maxBytes: this.config.maxBytes,
      errorBodyBytes: this.config.errorBodyBytes,
      headers: {
        accept: 'application/json, */*;q=0.5',
        'accept-encoding': 'gzip, deflate, br',
        'user-agent': this.config.userAgent,
        ...(config.headers.toJSON() as Record<string, string>),
      },
    });
    return { status, statusText: '', headers: headers as AxiosHeaders, data: body, config };
  };
}

/** Node reads a header as Latin-1; what is beyond ASCII in a location is UTF-8, as browsers take it. */
function utf8(header: string | undefined): string | undefined {
  return header === undefined ? undefined : Buffer.from(header, 'latin1').toString('utf8');
}

const REASONS: Readonly<Record<string, UnreachableReason>> = {
  BLOCKED_ADDRESS: 'blocked_address',
  TOO_LARGE: 'too_large',
  INCOMPLETE: 'incomplete_body',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ENODATA: 'dns',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  EPIPE: 'connection_reset',
  ETIMEDOUT: 'timeout',
};

function reasonFor(error: unknown): UnreachableReason {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (REASONS[code]) return REASONS[code];
  // A resolver has codes of its own, such as EINVAL for a name that is too long.
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  if (/^(?:getaddrinfo|query)/.test(call)) return 'dns';
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY|EPROTO/.test(code)) return 'tls';
  return code.startsWith('HPE_') ? 'incomplete_body' : 'connection';
}
