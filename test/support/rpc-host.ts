import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Call {
  id: number;
  method: string;
  params: [call?: { to?: string; data?: string }, ...rest: unknown[]];
}

type Answered = { id: number | null; [field: string]: unknown }[];

/** What the host does with one request: on the way to the node, or on the way back. */
export type RpcBehaviour =
  | 'hangs'
  | 'closes at once'
  | { status: number; headers?: Record<string, string>; body?: string }
  /** What it makes of the node's answers; a promise that never resolves hangs. */
  | ((answers: Answered, calls: Call[]) => unknown);

/** What stands between us and a chain: hands requests to a real node, counts them, and misbehaves as it is told. */
export class RpcHost {
  /** The calls of each request, in order. */
  readonly requests: Call[][] = [];
  /** Path and query of the last request. */
  lastUrl = '';
  lastHeaders: IncomingMessage['headers'] = {};
  private readonly script: RpcBehaviour[] = [];
  private always: RpcBehaviour | undefined;

  private constructor(
    private readonly server: Server,
    private readonly nodeUrl: string,
  ) {
    server.on('request', (request, response) => void this.handle(request, response));
  }

  static async start(node: { url: string }): Promise<RpcHost> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new RpcHost(server, node.url);
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** One behaviour for each of the next requests that reads token URIs; the others are handed on. */
  misbehave(...behaviours: RpcBehaviour[]): this {
    this.script.push(...behaviours);
    return this;
  }

  /** With every request. */
  misbehaveAlways(behaviour: RpcBehaviour | undefined): this {
    this.always = behaviour;
    return this;
  }

  /** Requests that ask this function of a contract, by its selector. */
  asking(selector: string): Call[][] {
    return this.requests.filter((calls) => calls.some((call) => asks(call, selector)));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}); // whoever asked has gone
    this.lastUrl = request.url ?? '';
    this.lastHeaders = request.headers;
    const body = await text(request);
    const calls = JSON.parse(body) as Call[];
    this.requests.push(calls);
    const isForTokenUris = calls.some((call) => asks(call, TOKEN_URI) || asks(call, URI));
    const behaviour = this.always ?? (isForTokenUris ? this.script.shift() : undefined);

    if (behaviour === 'hangs') return;
    if (behaviour === 'closes at once') return void request.socket.destroy();
    if (typeof behaviour === 'object') {
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
      return;
    }
    const forwarded = await fetch(this.nodeUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const answers = (await forwarded.json()) as Answered;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(behaviour ? await behaviour(answers, calls) : answers));
  }
}

/** Selectors of `tokenURI(uint256)` and `uri(uint256)`. */
export const TOKEN_URI = '0xc87b56dd';
export const URI = '0x0e89341c';

function asks(call: Call, selector: string): boolean {
  return call.method === 'eth_call' && call.params[0]?.data?.startsWith(selector) === true;
}
