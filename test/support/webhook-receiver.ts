import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A received POST. */
export interface ReceivedMessage {
  path: string;
  headers: Record<string, string>;
  body: string;
}

type Reply = number | 'hangs' | ((response: ServerResponse) => void);

/** A scripted webhook receiver: records messages and responds by path, with 204 unless scripted otherwise. */
export class WebhookReceiver {
  readonly messages: ReceivedMessage[] = [];
  private readonly replies = new Map<string, Reply[]>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        const path = request.url!;
        this.messages.push({ path, headers: request.headers as Record<string, string>, body });
        this.reply(path, response);
      });
    });
  }

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new WebhookReceiver(server);
  }

  /** `host:port`, the format of FETCH_ALLOWED_HOSTS. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  url(path: string): string {
    return `http://${this.host}${path}`;
  }

  /** One reply for each message; the last one repeats. */
  respond(path: string, ...replies: Reply[]): void {
    this.replies.set(path, replies);
  }

  at(path: string): ReceivedMessage[] {
    return this.messages.filter((message) => message.path === path);
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    // Only now: a connection that is opened later would keep the server open for a minute.
    this.server.closeAllConnections();
    await closed;
  }

  private reply(path: string, response: ServerResponse): void {
    const replies = this.replies.get(path) ?? [204];
    const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
    if (reply === 'hangs') return;
    if (typeof reply === 'function') return reply(response);
    response.writeHead(reply).end();
  }
}
