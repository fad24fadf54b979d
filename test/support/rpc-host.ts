import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Call {
  id: number;
  method: string;
  params: [call?: { to?: string; data?: string }, ...rest: unknown[]];
}

type RpcResponses = { id: number | null; [field: string]: unknown }[];

/** What the host does with one request: before it forwards it, or with the node's responses. */
export type RpcBehaviour =
  | 'hangs'
  | 'closes immediately'
  | 'closes in the middle of a large response'
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Maps the node's responses. A promise that never resolves hangs. */
  | ((responses: RpcResponses, calls: Call[]) => unknown);

/** A proxy in front of a real node: records requests, forwards them, and misbehaves as scripted. */
export class RpcHost {
  /** The calls of each request, in order. */
  readonly requests: Call[][] = [];
  /** Path and query of the last request. */
  lastUrl = '';
  lastHeaders: IncomingMessage['headers'] = {};
  /** Called when a request arrives. */
  onRequest: () => void = () => {};
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

  /** One behaviour for each of the next requests that read token URIs. Other requests are forwarded. */
  misbehave(...behaviours: RpcBehaviour[]): this {
    this.script.push(...behaviours);
    return this;
  }

  /** For every request. */
  misbehaveAlways(behaviour: RpcBehaviour | undefined): this {
    this.always = behaviour;
    return this;
  }

  /** Requests that call the contract function with this selector. */
  asking(selector: string): Call[][] {
    return this.requests.filter((calls) => calls.some((call) => isCallTo(call, selector)));
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    // Only now: a connection that is opened later would keep the server open for a minute.
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}); // the client has disconnected
    this.lastUrl = request.url ?? '';
    this.lastHeaders = request.headers;
    const body = await text(request);
    const calls = JSON.parse(body) as Call[];
    this.requests.push(calls);
    this.onRequest();
    const isForTokenUris = calls.some((call) => isCallTo(call, TOKEN_URI) || isCallTo(call, URI));
    const behaviour = this.always ?? (isForTokenUris ? this.script.shift() : undefined);

    if (behaviour === 'hangs') return;
    if (behaviour === 'closes immediately') return void request.socket.destroy();
    if (behaviour === 'closes in the middle of a large response') {
      response.writeHead(200, { 'content-length': '1000000' });
      response.write('0'.repeat(500_000), () => request.socket.destroy());
      return;
    }
    if (typeof behaviour === 'object') {
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
      return;
    }
    const forwarded = await fetch(this.nodeUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const responses = (await forwarded.json()) as RpcResponses;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(behaviour ? await behaviour(responses, calls) : responses));
  }
}

/** Selectors of `tokenURI(uint256)` and `uri(uint256)`. */
export const TOKEN_URI = '0xc87b56dd';
export const URI = '0x0e89341c';

function isCallTo(call: Call, selector: string): boolean {
  return call.method === 'eth_call' && call.params[0]?.data?.startsWith(selector) === true;
}
