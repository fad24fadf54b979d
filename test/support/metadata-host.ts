import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { constants, gzipSync, brotliCompressSync, deflateSync } from 'node:zlib';

/** One answer: a status and a body, or a behaviour that no well-made server has. */
export type Answer =
  | {
      status: number;
      body: string | Buffer | object;
      headers?: Record<string, string>;
      /** Happens between the request and its answer. */
      before?: () => Promise<void>;
    }
  | { behaviour: Behaviour };

export type Behaviour = keyof typeof behaviours;

const document = (name: string) => JSON.stringify({ name, image: 'https://img.example/1.png' });

/** A way to go wrong, each by its name. */
const behaviours = {
  hangs: () => {},
  'closes at once': (_, response) => response.destroy(),
  'drips a byte at a time': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  },
  'stops in the middle of the body': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"name":', () => response.destroy());
  },
  'declares too much': (_, response) => {
    response.writeHead(200, { 'content-length': String(2 ** 40) });
    response.write('{');
  },
  'sends without end': (_, response) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(256 * 1024, ' ');
    const send = () => {
      while (!response.destroyed && response.write(chunk)) {
        /* as fast as it is read */
      }
    };
    response.on('drain', send);
    send();
  },
  'sends a gzip bomb': (_, response) => answerWith(response, bomb('gzip'), { 'content-encoding': 'gzip' }),
  'sends a brotli bomb': (_, response) => answerWith(response, bomb('br'), { 'content-encoding': 'br' }),
  'cuts a gzip body': (_, response) =>
    answerWith(response, gzipSync(document('cut')).subarray(0, -9), { 'content-encoding': 'gzip' }),
  'sends gzip': (_, response) => answerWith(response, gzipSync(document('gzip')), { 'content-encoding': 'gzip' }),
  'sends brotli': (_, response) =>
    answerWith(response, brotliCompressSync(document('br')), { 'content-encoding': 'br' }),
  'sends deflate': (_, response) =>
    answerWith(response, deflateSync(document('deflate')), { 'content-encoding': 'deflate' }),
  'redirects in a circle': (request, response) => redirect(response, request.url ?? '/'),
  'redirects to the cloud metadata service': (_, response) =>
    redirect(response, 'http://169.254.169.254/latest/meta-data/'),
  'redirects to loopback': (_, response) => redirect(response, 'http://127.0.0.1:9/'),
  'redirects to a file': (_, response) => redirect(response, 'file:///etc/passwd'),
  'redirects once': (_, response) => redirect(response, '/elsewhere/77'),
} satisfies Record<string, (request: IncomingMessage, response: ServerResponse) => void>;

/**
 * A Metadata API that answers as a test says, and counts. `/<collection>/<token id>` gives a small good document
 * until told otherwise; answers are by token id.
 */
export class MetadataHost {
  /** Requests by token id. */
  readonly hits = new Map<string, number>();
  /** The headers of the last request. */
  lastHeaders: IncomingMessage['headers'] = {};
  /** Path and query of the last request. */
  lastUrl = '';
  /** The most requests that were open at once. */
  mostAtOnce = 0;
  private atOnce = 0;
  private readonly scripts = new Map<string, Answer[]>();

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => this.handle(request, response));
  }

  static async start(): Promise<MetadataHost> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new MetadataHost(server);
  }

  /** `host:port`, as FETCH_ALLOWED_HOSTS takes it. */
  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  answer(
    tokenId: string,
    status: number,
    body: string | Buffer | object = '',
    headers: Record<string, string> = {},
  ): this {
    return this.script(tokenId, { status, body, headers });
  }

  misbehave(tokenId: string, behaviour: Behaviour): this {
    return this.script(tokenId, { behaviour });
  }

  /** One answer for each request; the last one repeats. */
  script(tokenId: string, ...answers: Answer[]): this {
    this.scripts.set(tokenId, answers);
    return this;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    this.lastUrl = request.url ?? '';
    const tokenId = decodeURIComponent(this.lastUrl.split('?', 1)[0]!.split('/').at(-1)!);
    this.lastHeaders = request.headers;
    this.hits.set(tokenId, (this.hits.get(tokenId) ?? 0) + 1);
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    response.once('close', () => (this.atOnce -= 1));

    const script = this.scripts.get(tokenId);
    const answer = script && script.length > 1 ? script.shift() : script?.[0];
    if (!answer) return answerWith(response, document(`Token ${tokenId}`));
    if ('behaviour' in answer) return void behaviours[answer.behaviour](request, response);
    const { body, before } = answer;
    const send = () => {
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    if (before) void before().then(send);
    else send();
  }
}

function answerWith(response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end();
}

/** 16 MiB of spaces, small on the wire. */
function bomb(encoding: 'gzip' | 'br'): Buffer {
  const spaces = Buffer.alloc(16 * 1024 * 1024, ' ');
  return encoding === 'gzip'
    ? gzipSync(spaces)
    : brotliCompressSync(spaces, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });
}
