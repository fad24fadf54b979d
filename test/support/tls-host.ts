import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Certificate } from './certificate.js';

/** The first byte of a TLS handshake. No HTTP method starts with it. */
const HANDSHAKE = 0x16;

export interface ReceivedRequest {
  scheme: 'http' | 'https';
  path: string;
  headers: IncomingHttpHeaders;
}

/** A metadata host for https and http on one port. It redirects the configured paths and returns a document for all others. */
export class TlsHost {
  readonly requests: ReceivedRequest[] = [];
  private readonly locations = new Map<string, string>();
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(certificate: Certificate): Promise<TlsHost> {
    const server = createServer();
    const host = new TlsHost(server);
    const byScheme = {
      http: createHttpServer(host.listener('http')),
      https: createHttpsServer(certificate, host.listener('https')),
    };
    server.on('connection', (socket) => {
      host.sockets.add(socket);
      socket.on('error', () => {}); // the client has disconnected
      socket.once('readable', () => {
        const first = socket.read(1) as Buffer | null;
        if (first === null) return;
        socket.unshift(first);
        byScheme[first[0] === HANDSHAKE ? 'https' : 'http'].emit('connection', socket);
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return host;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  redirect(path: string, location: string): this {
    this.locations.set(path, location);
    return this;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  private listener(scheme: ReceivedRequest['scheme']): RequestListener {
    return ({ url: path = '', headers }, response) => {
      this.requests.push({ scheme, path, headers });
      const location = this.locations.get(path);
      if (location === undefined) response.end(JSON.stringify({ name: `${scheme} ${path}` }));
      else response.writeHead(302, { location }).end();
    };
  }
}
