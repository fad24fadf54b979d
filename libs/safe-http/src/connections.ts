import type { LookupFunction, Socket } from 'node:net';
import type { Client as UndiciClient, Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';

/** Without a request. */
const KEEP_ALIVE_MS = 4000;

export interface ConnectionOptions {
  /** Resolves the names that are dialled. */
  lookup: LookupFunction;
  /** To one origin at once. */
  maxConnections: number;
  /** For name, connect and TLS, in milliseconds; whoever asked may have gone otherRequests. */
  connectTimeoutMs: number;
}

/** What reads the answer to one request. It is told which connection the request goes over. */
export interface ResponseHandler extends Dispatcher.DispatchHandler {
  connection?: Connection;
}

/** Connections to any host, HTTP/1.1 only, kept open and used again; a host that has none left is forgotten. */
export function openConnections({ lookup, maxConnections, connectTimeoutMs }: ConnectionOptions): Agent {
  return new Agent({
    connections: maxConnections,
    connect: { lookup, timeout: connectTimeoutMs },
    allowH2: false,
    // However long a host would like it: there are many hosts, and each socket is a file descriptor.
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // One deadline for everything is kept by whoever asks.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin, pool: object) =>
      new Pool(origin, { ...pool, factory: (_, options) => openConnection(origin, options) }),
  });
}

/** Watched from its first moment, before undici itself hears of anything. */
function openConnection(origin: string | URL, options: UndiciClient.Options): Connection {
  const connect = options.connect as Connector;
  const connection: Connection = new Connection(origin, {
    ...options,
    connect: (to, done) =>
      connect(to, (...made) => {
        if (made[1]) connection.watch(made[1]);
        done(...made);
      }),
  });
  return connection;
}

type Connector = Extract<UndiciClient.Options['connect'], (...args: never[]) => unknown>;

/** One connection, which remembers what undici does not tell. */
export class Connection extends Client {
  /** It has brought an answer: from then on its host may close it at any moment. */
  isUsed = false;
  /** It has ended with an error. undici takes that for the end of a body that has no length. */
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
