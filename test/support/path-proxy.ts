import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A reverse proxy that keeps the Host header, and changes paths. */
export class PathProxy implements AsyncDisposable {
  /** Paths of the requests that had a cookie, as the browser sent them. */
  readonly pathsWithCookie = new Set<string>();

  private constructor(private readonly server: Server) {}

  /** In front of an application that listens at this address. */
  static async start(target: string, toInside: (path: string) => string): Promise<PathProxy> {
    const { port } = new URL(target);
    const server = createServer();
    const proxy = new PathProxy(server);
    server.on('request', (incoming, outgoing) => {
      const { method, headers, url } = incoming;
      if (headers.cookie !== undefined) proxy.pathsWithCookie.add(url!.split('?', 1)[0]!);
      const options = { host: '127.0.0.1', port, method, headers, path: toInside(url!) };
      incoming.pipe(
        forward(options, (response) => {
          outgoing.writeHead(response.statusCode!, response.headers);
          response.pipe(outgoing);
        }),
      );
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
