import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** Between the service and its database: a line that can be cut in the ways that lines are cut. */
export class TcpProxy {
  /** Connections that were asked for so far. */
  connections = 0;
  private mode: 'forward' | 'swallow' | 'refuse' = 'forward';
  private readonly proxied = new Set<ProxiedConnection>();

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (socket: Socket) => this.accept(socket));
  }

  /** In front of the server that a connection string names. */
  static async start(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new TcpProxy(server, { host: hostname, port: Number(port) });
  }

  /** The same connection string, by way of this proxy. */
  throughProxy(url: string): string {
    const changed = new URL(url);
    changed.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return changed.href;
  }

  /** What was swallowed arrives late, and new connections are made. */
  forward(): void {
    this.mode = 'forward';
    for (const line of this.proxied) line.open();
  }

  /** Takes connections and bytes, and passes nothing on: neither side hears that the other has gone. */
  blackhole(): void {
    this.mode = 'swallow';
    for (const line of this.proxied) line.hold();
  }

  /** As a firewall that has forgotten its connections: the old ones are silent for ever, new ones are made. */
  blackholeExisting(): void {
    for (const line of this.proxied) line.hold();
    this.proxied.clear();
  }

  /** Ends all connections, and each new one at once. */
  refuse(): void {
    this.mode = 'refuse';
    for (const line of this.proxied) line.end();
  }

  async close(): Promise<void> {
    this.refuse();
    this.server.close();
  }

  private accept(socket: Socket): void {
    this.connections += 1;
    if (this.mode === 'refuse') return void socket.resetAndDestroy();
    const line = new ProxiedConnection(socket, this.target, () => this.proxied.delete(line));
    this.proxied.add(line);
    if (this.mode === 'forward') line.open();
  }
}

/** One connection and its other half, which is made when the line is first open. */
class ProxiedConnection {
  private far: Socket | undefined;

  constructor(
    private readonly near: Socket,
    private readonly target: { host: string; port: number },
    private readonly onEnd: () => void,
  ) {
    near.on('error', () => this.end()).on('close', () => this.end());
  }

  open(): void {
    this.far ??= this.connect();
    this.near.resume();
    this.far.resume();
  }

  hold(): void {
    this.near.pause();
    this.far?.pause();
  }

  end(): void {
    this.near.resetAndDestroy();
    this.far?.resetAndDestroy();
    this.onEnd();
  }

  private connect(): Socket {
    const far = connect(this.target);
    far.on('error', () => this.end()).on('close', () => this.end());
    far.on('data', (chunk) => this.near.write(chunk));
    this.near.on('data', (chunk) => far.write(chunk));
    return far;
  }
}
