import type { LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';

/** Without a request. */
const KEPT_OPEN_MS = 4000;

export interface ConnectionOptions {
  /** Resolves the names that are dialled. */
  lookup: LookupFunction;
  /** To one origin at once. */
  atOnce: number;
  /** For name, connect and TLS, in milliseconds; whoever asked may have gone earlier. */
  connectWithinMs: number;
}

/** What reads the answer to one request. It is told which connection the request goes over. */
export interface AnswerHandler extends Dispatcher.DispatchHandler {
  connection?: Connection;
}

/** Connections to any host, HTTP/1.1 only, kept open and used again; a host that has none left is forgotten. */
export function openConnections({ lookup, atOnce, connectWithinMs }: ConnectionOptions): Agent {
  return new Agent({
    connections: atOnce,
    connect: { lookup, timeout: connectWithinMs },
    allowH2: false,
    // However long a host would like it: there are many hosts, and each socket is a file descriptor.
    keepAliveTimeout: KEPT_OPEN_MS,
    keepAliveMaxTimeout: KEPT_OPEN_MS,
    // One deadline for everything is kept by whoever asks.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin, pool: object) =>
      new Pool(origin, { ...pool, factory: (_, connection) => new Connection(origin, connection) }),
  });
}

/** One connection, which remembers that it has brought an answer: from then on its host may close it at any moment. */
export class Connection extends Client {
  isUsed = false;

  constructor(origin: string | URL, options: object) {
    super(origin, options);
    this.on('disconnect', () => (this.isUsed = false));
  }

  override dispatch(request: Dispatcher.DispatchOptions, handler: AnswerHandler): boolean {
    handler.connection = this;
    return super.dispatch(request, handler);
  }
}
