import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { behaviours, type Behaviour } from './host-behaviours.js';

/** One answer: a status and a body, or a behaviour that no well-made server has. */
export type Answer =
  | {
      status: number;
      /** A function makes the document of the token's 1st, 2nd, … request. */
      body: string | Buffer | object | ((request: number) => object);
      headers?: Record<string, string>;
      /** Happens between the request and its answer. */
      before?: () => Promise<void>;
    }
  | { behaviour: Behaviour };

/** What one path has seen. */
export interface Traffic {
  hits: number;
  /** Requests that are open now. */
  atOnce: number;
  /** The most requests that were open at once. */
  mostAtOnce: number;
  /** Milliseconds between the beginnings of two requests, in order. */
  gaps: number[];
}

/** When one request came, and when its answer was over or its asker gone. */
export interface Visit {
  cameAt: number;
  leftAt: number;
}

/**
 * A Metadata API that answers as it is told, and counts. `/<anything>/<token id>` gives a small good document until told
 * otherwise, by token id; `/<behaviour>/<token id>`, with hyphens for spaces, behaves so for every token.
 */
export class MetadataHost {
  /** Requests by token id. */
  readonly hits = new Map<string, number>();
  /** The same, each with its time. */
  readonly visits = new Map<string, Visit[]>();
  /** The headers of the last request. */
  lastHeaders: IncomingMessage['headers'] = {};
  /** Path and query of the last request. */
  lastUrl = '';
  /** The most requests that were open at once, of all paths. */
  mostAtOnce = 0;
  private atOnce = 0;
  private isHolding = false;
  /** Held back, oldest first; each is answered as it is told, or as its script has it. */
  private readonly held = new Set<(answer?: Answer) => void>();
  private readonly byPath = new Map<string, Traffic & { lastAt: number }>();
  private readonly scripts = new Map<string, Answer[]>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => this.handle(request, response));
  }

  /** On a port of its own, or on the one that is given. */
  static async start(port = 0): Promise<MetadataHost> {
    const server = createServer();
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, '127.0.0.1', done);
    });
    return new MetadataHost(server);
  }

  /** The paths of behaviours, in the order of their list. */
  static paths(): string[] {
    return Object.keys(behaviours).map((name) => `/${toPath(name)}`);
  }

  /** `host:port`, as FETCH_ALLOWED_HOSTS takes it. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  answer(
    tokenId: string,
    status: number,
    body: Exclude<Answer, { behaviour: Behaviour }>['body'] = '',
    headers: Record<string, string> = {},
  ): this {
    return this.script(tokenId, { status, body, headers });
  }

  misbehave(tokenId: string, behaviour: Behaviour): this {
    return this.script(tokenId, { behaviour });
  }

  /** One answer for each request; the last one repeats. */
  script(tokenId: string, ...answers: Answer[]): this {
    this.scripts.set(tokenId, answers);
    return this;
  }

  /** From here on requests wait for `answerHeld` or `letGo`. */
  hold(): void {
    this.isHolding = true;
  }

  /** Requests that wait, and whose askers wait for them. */
  get heldCount(): number {
    return this.held.size;
  }

  /** Gives this answer to the oldest that wait. Whoever comes next waits, too. */
  answerHeld(count: number, answer: Answer): void {
    for (const reply of [...this.held].slice(0, count)) reply(answer);
  }

  /** Whoever waits, or comes, is answered as usual. */
  letGo(): void {
    this.isHolding = false;
    for (const reply of this.held) reply();
  }

  /** Of the requests that came after this moment, the most that were open at once. */
  mostAtOnceSince(moment: number): number {
    const visits = [...this.visits.values()].flat().filter(({ cameAt }) => cameAt > moment);
    const openAt = (time: number) => visits.filter(({ cameAt, leftAt }) => cameAt <= time && time < leftAt).length;
    return Math.max(0, ...visits.map(({ cameAt }) => openAt(cameAt)));
  }

  /** Of the paths that begin with this one. */
  trafficOf(path: string): Traffic {
    const { hits, atOnce, mostAtOnce, gaps } = this.byPath.get(path) ?? { hits: 0, atOnce: 0, mostAtOnce: 0, gaps: [] };
    return { hits, atOnce, mostAtOnce, gaps };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => {}); // whoever asked has gone
    this.lastUrl = request.url ?? '';
    this.lastHeaders = request.headers;
    const segments = this.lastUrl.split('?', 1)[0]!.split('/');
    const tokenId = decodeURIComponent(segments.at(-1)!);
    this.count(tokenId, segments.slice(0, -1).join('/'), response);

    const reply = (answer = this.scripted(tokenId)) => {
      this.held.delete(reply);
      if (answer && !('behaviour' in answer)) return send(response, answer, this.hits.get(tokenId)!);
      const name = answer?.behaviour ?? behaviourOf(segments[1] ?? '') ?? 'answers well';
      behaviours[name](request, response);
    };
    if (!this.isHolding) return reply();
    this.held.add(reply);
    response.once('close', () => this.held.delete(reply));
  }

  private scripted(tokenId: string): Answer | undefined {
    const script = this.scripts.get(tokenId);
    return script && script.length > 1 ? script.shift() : script?.[0];
  }

  private count(tokenId: string, path: string, response: ServerResponse): void {
    const now = performance.now();
    const traffic = this.byPath.get(path) ?? { hits: 0, mostAtOnce: 0, gaps: [], atOnce: 0, lastAt: now };
    this.byPath.set(path, traffic);
    if (traffic.hits > 0) traffic.gaps.push(now - traffic.lastAt);
    traffic.lastAt = now;
    traffic.hits += 1;
    traffic.atOnce += 1;
    traffic.mostAtOnce = Math.max(traffic.mostAtOnce, traffic.atOnce);
    this.hits.set(tokenId, (this.hits.get(tokenId) ?? 0) + 1);
    const visit: Visit = { cameAt: now, leftAt: Infinity };
    this.visits.set(tokenId, [...(this.visits.get(tokenId) ?? []), visit]);
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    response.once('close', () => {
      visit.leftAt = performance.now();
      this.atOnce -= 1;
      traffic.atOnce -= 1;
    });
  }
}

const toPath = (behaviour: string) => behaviour.replaceAll(/[^a-zA-Z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
const byPathName = new Map(Object.keys(behaviours).map((name) => [toPath(name), name as Behaviour]));

function behaviourOf(path: string): Behaviour | undefined {
  return byPathName.get(path);
}

function send(response: ServerResponse, answer: Exclude<Answer, { behaviour: Behaviour }>, request: number): void {
  const { status, headers, before } = answer;
  const body = typeof answer.body === 'function' ? (answer.body as (request: number) => object)(request) : answer.body;
  const write = () => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };
  if (before) void before().then(write);
  else write();
}
