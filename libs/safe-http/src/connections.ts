import type { LookupFunction, Socket } from 'node:net';
import type { Client as UndiciClient, Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';

/** How long an idle connection stays open. */
const KEEP_ALIVE_MS = 4000;

export interface ConnectionOptions {
  /** Resolves host names when a connection is opened. */
  lookup: LookupFunction;
  /** Per origin. */
  maxConnections: number;
  /** For name resolution, connect and TLS, in milliseconds. The request may be aborted before that. */
  connectTimeoutMs: number;
}

/** Reads the response to one request. The connection that sends the request sets `connection`. */
export interface ResponseHandler extends Dispatcher.DispatchHandler {
  connection?: Connection;
}

/** Keep-alive connection pools, one per origin, HTTP/1.1 only. The pool of an origin without connections is removed. */
export function openConnections({ lookup, maxConnections, connectTimeoutMs }: ConnectionOptions): Agent {
  return new Agent({
    connections: maxConnections,
    connect: { lookup, timeout: connectTimeoutMs },
    allowH2: false,
    // Ignore longer times that a host asks for: there are many hosts, and each socket is a file descriptor.
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // The caller's deadline covers everything.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin, pool: object) =>
      new Pool(origin, { ...pool, factory: (_, options) => openConnection(origin, options) }),
  });
}

/** Watches the socket from the moment it is opened, before undici adds its own listeners. */
function openConnection(origin: string | URL, options: UndiciClient.Options): Connection {
  const connect = options.connect as Connector;
  const connection: Connection = new Connection(origin, {
    ...options,
    connect: (target, callback) =>
      connect(target, (...result) => {
        if (result[1]) connection.watch(result[1]);
        callback(...result);
      }),
  });
  return connection;
}

type Connector = Extract<UndiciClient.Options['connect'], (...args: never[]) => unknown>;

/** One connection, with state that undici does not expose. */
export class Connection extends Client {
  /** Whether it has received a response. From then on the host may close it at any moment. */
  isUsed = false;
  /** Whether it ended with an error. undici takes that for the end of a body without a declared length. */
  isBroken = false;

  constructor(origin: string | URL, options: UndiciClient.Options) {
    super(origin, options);
    this.on('disconnect', () => (this.isUsed = false));
  }

  watch(socket: Socket): void {
    this.isBroken = false;
    socket.once('error', () => (this.isBroken = true));
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: ResponseHandler): boolean {
    handler.connection = this;
    return super.dispatch(request, handler);
  }
}
