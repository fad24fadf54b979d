import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy between the service and its database that simulates network failures. */
export class TcpProxy {
  /** The number of accepted connections so server. */
  connections = 0;
  private mode: 'forward' | 'blackhole' | 'refuse' = 'forward';
  private readonly proxied = new Set<ProxiedConnection>();

  private constructor(
    private readonly server: Server,
    private target: { host: string; port: number },
  ) {
    server.on('connection', (socket: Socket) => this.accept(socket));
  }

  /** Starts a proxy in front of the server of this connection string. */
  static async start(url: string): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: true });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new TcpProxy(server, addressOf(url));
  }

  /** The connection string through this proxy. */
  throughProxy(url: string): string {
    const changed = new URL(url);
    changed.host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return changed.href;
  }

  /** Forwards new and existing connections. Data from the time of a blackhole arrives late. */
  forward(): void {
    this.mode = 'forward';
    for (const connection of this.proxied) connection.forward();
  }

  /** Accepts connections and data but forwards nothing. Neither side notices that the other is unreachable. */
  blackhole(): void {
    this.mode = 'blackhole';
    for (const connection of this.proxied) connection.pause();
  }

  /** Blackholes the existing connections for ever and forwards new ones, like a firewall that has lost its state table. */
  blackholeExisting(): void {
    for (const connection of this.proxied) connection.pause();
    this.proxied.clear();
  }

  /** Resets all connections, existing and new. */
  refuse(): void {
    this.mode = 'refuse';
    for (const connection of this.proxied) connection.reset();
  }

  /** Forwards new connections to the server of this connection string, and resets the existing ones. */
  redirect(url: string): void {
    this.target = addressOf(url);
    for (const connection of this.proxied) connection.reset();
  }

  async close(): Promise<void> {
    this.refuse();
    this.server.close();
  }

  private accept(socket: Socket): void {
    this.connections += 1;
    if (this.mode === 'refuse') return void socket.resetAndDestroy();
    const connection = new ProxiedConnection(socket, this.target, () => this.proxied.delete(connection));
    this.proxied.add(connection);
    if (this.mode === 'forward') connection.forward();
  }
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** A client connection and its connection to the server, which opens on the first `forward`. */
class ProxiedConnection {
  private server: Socket | undefined;

  constructor(
    private readonly client: Socket,
    private readonly target: { host: string; port: number },
    private readonly onEnd: () => void,
  ) {
    client.on('error', () => this.reset()).on('close', () => this.reset());
  }

  forward(): void {
    this.server ??= this.connect();
    this.client.resume();
    this.server.resume();
  }

  pause(): void {
    this.client.pause();
    this.server?.pause();
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.server?.resetAndDestroy();
    this.onEnd();
  }

  private connect(): Socket {
    const server = connect(this.target);
    server.on('error', () => this.reset()).on('close', () => this.reset());
    server.on('data', (chunk) => this.client.write(chunk));
    this.client.on('data', (chunk) => server.write(chunk));
    return server;
  }
}
