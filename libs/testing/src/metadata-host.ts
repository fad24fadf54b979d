import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { behaviours, type Behaviour } from './host-behaviours.js';

/** One response: a status and a body, or a misbehaviour by name. */
export type HostResponse =
  | {
      status: number;
      /** A function is called with the number of the token's request, from 1, and returns the document. */
      body: string | Buffer | object | ((request: number) => object);
      headers?: Record<string, string>;
      /** Runs between the request and its response. */
      before?: () => Promise<void>;
    }
  | { behaviour: Behaviour };

/** Counters of one path. */
export interface Traffic {
  hits: number;
  /** Requests in flight. */
  concurrent: number;
  /** The most requests in flight at the same time. */
  maxConcurrent: number;
  /** Milliseconds between the starts of consecutive requests. */
  gaps: number[];
}

/** When a request arrived, and when its response ended or its client disconnected. */
export interface RequestTime {
  startedAt: number;
  endedAt: number;
}

/**
 * A scripted Metadata API that counts its requests. `/<anything>/<token id>` responds with a small valid document unless a
 * script for the token id says otherwise. `/<behaviour>/<token id>`, with hyphens for spaces, shows this behaviour for every
 * token.
 */
export class MetadataHost {
  /** Requests by token id. */
  readonly hits = new Map<string, number>();
  /** When each request started and ended, by token id. */
  readonly requestTimes = new Map<string, RequestTime[]>();
  /** The headers of the last request. */
  lastHeaders: IncomingMessage['headers'] = {};
  /** Path and query of the last request. */
  lastUrl = '';
  /** The most requests in flight at the same time, over all paths. */
  maxConcurrent = 0;
  private concurrent = 0;
  private isHolding = false;
  /** Requests on hold, oldest first. Each sends the given response, or the scripted one. */
  private readonly held = new Set<(response?: HostResponse) => void>();
  private readonly byPath = new Map<string, Traffic & { lastAt: number }>();
  private readonly scripts = new Map<string, HostResponse[]>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => this.handle(request, response));
  }

  /** Listens on a free port by default. */
  static async start(port = 0): Promise<MetadataHost> {
    const server = createServer();
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, '127.0.0.1', done);
    });
    return new MetadataHost(server);
  }

  /** The path of each behaviour. */
  static paths(): string[] {
    return Object.keys(behaviours).map((name) => `/${toPath(name)}`);
  }

  /** `host:port`, for `safeHttp.allowedHosts` and FETCH_ALLOWED_HOSTS: the SSRF filter refuses loopback addresses. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  respond(
    tokenId: string,
    status: number,
    body: Exclude<HostResponse, { behaviour: Behaviour }>['body'] = '',
    headers: Record<string, string> = {},
  ): this {
    return this.script(tokenId, { status, body, headers });
  }

  /** As a host that is some way off: each token's response takes this long, so that requests overlap. */
  respondSlowly(tokenIds: readonly string[], milliseconds: number): this {
    const before = () => delay(milliseconds);
    for (const tokenId of tokenIds) this.script(tokenId, { before, status: 200, body: { name: `Token ${tokenId}` } });
    return this;
  }

  misbehave(tokenId: string, behaviour: Behaviour): this {
    return this.script(tokenId, { behaviour });
  }

  /** One response for each request; the last one repeats. */
  script(tokenId: string, ...responses: HostResponse[]): this {
    this.scripts.set(tokenId, responses);
    return this;
  }

  /** Responds to every token with a small valid document again. */
  forgetScripts(): void {
    this.scripts.clear();
  }

  /** Puts new requests on hold until `respondToHeld` or `releaseHeld`. */
  hold(): void {
    this.isHolding = true;
  }

  /** Requests for all tokens. */
  get totalHits(): number {
    return [...this.hits.values()].reduce((sum, hits) => sum + hits, 0);
  }

  /** Requests on hold whose clients are still connected. */
  get heldCount(): number {
    return this.held.size;
  }

  /** Responds to the oldest requests on hold. New requests are still put on hold. */
  respondToHeld(count: number, response: HostResponse): void {
    for (const reply of [...this.held].slice(0, count)) reply(response);
  }

  /** Responds to all requests on hold, and to new ones, as scripted. */
  releaseHeld(): void {
    this.isHolding = false;
    for (const reply of this.held) reply();
  }

  /** The most requests in flight at the same time, of those that arrived after this moment. */
  maxConcurrentSince(moment: number): number {
    const times = [...this.requestTimes.values()].flat().filter(({ startedAt }) => startedAt > moment);
    const openAt = (time: number) =>
      times.filter(({ startedAt, endedAt }) => startedAt <= time && time < endedAt).length;
    return Math.max(0, ...times.map(({ startedAt }) => openAt(startedAt)));
  }

  /** The counters of this path. */
  trafficOf(path: string): Traffic {
    const { hits, concurrent, maxConcurrent, gaps } = this.byPath.get(path) ?? {
      hits: 0,
      concurrent: 0,
      maxConcurrent: 0,
      gaps: [],
    };
    return { hits, concurrent, maxConcurrent, gaps };
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    // Only now: a connection that is opened later would keep the server open for a minute.
    this.server.closeAllConnections();
    await closed;
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {}); // the client has disconnected
    this.lastUrl = request.url ?? '';
    this.lastHeaders = request.headers;
    const segments = this.lastUrl.split('?', 1)[0]!.split('/');
    const tokenId = decodeURIComponent(segments.at(-1)!);
    this.count(tokenId, segments.slice(0, -1).join('/'), response);

    const reply = (scripted = this.scripted(tokenId)) => {
      this.held.delete(reply);
      if (scripted && !('behaviour' in scripted)) return send(response, scripted, this.hits.get(tokenId)!);
      const name = scripted?.behaviour ?? behaviourOf(segments[1] ?? '') ?? 'responds well';
      behaviours[name](request, response);
    };
    if (!this.isHolding) return reply();
    this.held.add(reply);
    response.once('close', () => this.held.delete(reply));
  }

  private scripted(tokenId: string): HostResponse | undefined {
    const script = this.scripts.get(tokenId);
    return script && script.length > 1 ? script.shift() : script?.[0];
  }

  private count(tokenId: string, path: string, response: ServerResponse): void {
    const now = performance.now();
    const traffic = this.byPath.get(path) ?? { hits: 0, maxConcurrent: 0, gaps: [], concurrent: 0, lastAt: now };
    this.byPath.set(path, traffic);
    if (traffic.hits > 0) traffic.gaps.push(now - traffic.lastAt);
    traffic.lastAt = now;
    traffic.hits += 1;
    traffic.concurrent += 1;
    traffic.maxConcurrent = Math.max(traffic.maxConcurrent, traffic.concurrent);
    this.hits.set(tokenId, (this.hits.get(tokenId) ?? 0) + 1);
    const times: RequestTime = { startedAt: now, endedAt: Infinity };
    this.requestTimes.set(tokenId, [...(this.requestTimes.get(tokenId) ?? []), times]);
    this.concurrent += 1;
    this.maxConcurrent = Math.max(this.maxConcurrent, this.concurrent);
    response.once('close', () => {
      times.endedAt = performance.now();
      this.concurrent -= 1;
      traffic.concurrent -= 1;
    });
  }
}

const toPath = (behaviour: string) => behaviour.replaceAll(/[^a-zA-Z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
const byPathName = new Map(Object.keys(behaviours).map((name) => [toPath(name), name as Behaviour]));

function behaviourOf(path: string): Behaviour | undefined {
  return byPathName.get(path);
}

function send(
  response: ServerResponse,
  scripted: Exclude<HostResponse, { behaviour: Behaviour }>,
  request: number,
): void {
  const { status, headers, before } = scripted;
  const body =
    typeof scripted.body === 'function' ? (scripted.body as (request: number) => object)(request) : scripted.body;
  const write = () => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };
  if (before) void before().then(write);
  else write();
}
