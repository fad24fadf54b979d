import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
export type Behaviour = keyof typeof behaviours;

/** Behaviours of a metadata host by name. `MetadataHost` also serves each one at the path of its name. */
export const behaviours = {
  // Valid documents, unusual responses
  'responds well': (request, response) => send(response, document(request)),
  'sends a byte order mark': (request, response) => send(response, `\ufeff${document(request)}`),
  'sends surrounding white space': (request, response) => send(response, `\n\t\r ${document(request)} \n`),
  'declares text/plain': (request, response) => send(response, document(request), { 'content-type': 'text/plain' }),
  'declares JSON in UTF-8': (request, response) =>
    send(response, document(request), { 'content-type': 'application/json; charset=utf-8' }),
  'declares octet-stream': (request, response) =>
    send(response, document(request), { 'content-type': 'application/octet-stream' }),
  'sends no content type': (request, response) => {
    response.writeHead(200).end(document(request));
  },
  'sends Latin-1': (_, response) =>
    send(response, Buffer.from('{"name":"Sérgio"}', 'latin1'), {
      'content-type': 'application/json; charset=iso-8859-1',
    }),
  'sends an invalid byte': (_, response) =>
    send(response, Buffer.concat([Buffer.from('{"name":"a'), Buffer.from([0xff]), Buffer.from('"}')])),
  'sends NULs': (_, response) => send(response, String.raw`{"name":"a\u0000b","k\u0000":1}`),
  'sends lone surrogates': (_, response) => send(response, String.raw`{"name":"\ud83e!","description":"\udd8a"}`),
  'sends long numbers': (_, response) =>
    send(response, '{"name":"x","a":12345678901234567890,"b":0.1000000000000000055,"c":1e400}'),
  'sends prototype keys': (_, response) =>
    send(response, '{"name":"x","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  'sends duplicate keys': (_, response) => send(response, '{"name":"first","name":"last"}'),
  'sends null for everything else': (_, response) =>
    send(response, '{"name":"x","properties":null,"localization":7,"attributes":null,"image":null}'),
  'sends a data: URI': (request, response) =>
    send(response, `data:application/json;base64,${Buffer.from(document(request)).toString('base64')}`),
  'sends an image': (_, response) =>
    send(response, Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), { 'content-type': 'image/png' }),
  'sends a video': (_, response) =>
    send(response, Buffer.from('000000186674797069736f6d', 'hex'), { 'content-type': 'video/mp4' }),
  'sends empty fields': (_, response) => send(response, '{"name":"","image":"","attributes":[],"external_url":null}'),
  'sends gzip': (_, response) => send(response, gzipSync('{"name":"gzip"}'), { 'content-encoding': 'gzip' }),
  'sends deflate': (_, response) =>
    send(response, deflateSync('{"name":"deflate"}'), { 'content-encoding': 'deflate' }),
  'sends raw deflate': (_, response) =>
    send(response, deflateRawSync('{"name":"raw deflate"}'), { 'content-encoding': 'deflate' }),
  'sends brotli': (_, response) => send(response, brotliCompressSync('{"name":"br"}'), { 'content-encoding': 'br' }),
  'sends a byte at a time, quickly': (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const character of document(request)) response.write(character);
    response.end();
  },
  'sends 200 KB in chunks of a byte': (_, response) => {
    const document = JSON.stringify({ name: 'x', description: 'a'.repeat(200_000) });
    response.socket!.end(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${document.replace(/./g, '1\r\n$&\r\n')}0\r\n\r\n`,
    );
  },
  'sends 5 MB of text': (_, response) =>
    send(response, JSON.stringify({ name: 'x', description: 'a'.repeat(5_000_000) })),
  'sends 5 MB of lone surrogates': (_, response) =>
    send(response, `{"name":"x","description":"${String.raw`\ud83d`.repeat(830_000)}"}`),
  'sends 5 MB of numbers': (_, response) =>
    send(response, `{"name":"x","a":[${Array.from({ length: 49_000 }, () => '1'.repeat(95)).join(',')}]}`),
  'sends 5,000 attributes': (_, response) =>
    send(
      response,
      JSON.stringify({
        name: 'x',
        attributes: Array.from({ length: 5000 }, (__, id) => ({ trait_type: `${id}`, value: id })),
      }),
    ),
  'responds once on each connection': (request, response) => {
    if (served.has(request.socket)) return request.socket.resetAndDestroy();
    served.add(request.socket);
    send(response, document(request));
  },
  'ends the body by closing': (request, response) => {
    response.socket!.end(`${WITHOUT_LENGTH}${document(request)}`);
  },
  'redirects once': (_, response) => redirect(response, '/responds-well/elsewhere'),
  'redirects three times': (request, response) => redirectDown(request, response, 3),

  // Complete responses without valid metadata
  'sends text before the document': (request, response) => send(response, `note\n${document(request)}`),
  'sends a web page': (_, response) =>
    send(response, '<!doctype html><title>Slow down</title>', { 'content-type': 'text/html' }),
  'sends nothing': (_, response) => send(response, ''),
  'sends null': (_, response) => send(response, 'null'),
  'sends a string': (_, response) => send(response, '"x"'),
  'sends a number': (_, response) => send(response, '123'),
  'sends true': (_, response) => send(response, 'true'),
  'sends a list': (request, response) => send(response, `[${document(request)}]`),
  'sends an empty object': (_, response) => send(response, '{}'),
  'sends an error with status 200': (_, response) => send(response, '{"error":"not found"}'),
  'wraps the document': (_, response) => send(response, '{"status":"ok","result":{"data":{"name":"x"}}}'),
  'sends trailing commas': (_, response) => send(response, '{"name":"x",}'),
  'sends comments': (_, response) => send(response, '{"name":"x"} // done'),
  'sends single quotes': (_, response) => send(response, "{'name':'x'}"),
  'closes in the middle of a body without a length': (_, response) => {
    response.socket!.end(`${WITHOUT_LENGTH}{"name":"x`);
  },
  'truncates the document': (_, response) => send(response, '{"name":"x'),
  'sends more than it declares': (_, response) => {
    response.writeHead(200, { 'content-length': '10' });
    sendWithoutEnd(response, '{"name":"x"} ');
  },
  'sends 100,000 nesting levels': (_, response) =>
    send(response, `{"name":"x","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  'sends 100,000 unclosed nesting levels': (_, response) => send(response, '['.repeat(100_000)),
  'sends a million values': (_, response) => send(response, `{"name":"x","a":[${'1,'.repeat(1_000_000)}1]}`),
  'compresses twice': (request, response) =>
    send(response, gzipSync(gzipSync(document(request))), { 'content-encoding': 'gzip' }),

  // Complete responses with other status codes
  'responds with 201': (_, response) => status(response, 201),
  'responds with 204': (_, response) => status(response, 204),
  'responds with 206': (_, response) => status(response, 206),
  'responds with 301 without a location': (_, response) => status(response, 301),
  'responds with an unrequested 304': (_, response) => status(response, 304),
  'responds with 400': (_, response) => status(response, 400),
  'responds with 401': (_, response) => status(response, 401),
  'responds with 403': (_, response) => status(response, 403),
  'responds with 404': (_, response) => status(response, 404),
  'responds with 410': (_, response) => status(response, 410),
  'responds with 500': (_, response) => status(response, 500),
  'responds with 502 and an endless body': (_, response) => {
    response.writeHead(502);
    sendWithoutEnd(response);
  },
  'responds with 429': (_, response) => status(response, 429),
  'responds with 429 and an invalid retry-after': (_, response) => status(response, 429, { 'retry-after': 'soon' }),
  'responds with 503': (_, response) => status(response, 503),
  'responds with 503 and a past retry-after': (_, response) =>
    status(response, 503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }),
  'responds with 503 and resets the connection': (_, response) => {
    response.writeHead(503, { 'content-length': '1000' });
    response.write('later', () => response.socket?.resetAndDestroy());
  },
  'responds with 429 and hangs': (_, response) => {
    response.writeHead(429);
    response.write('later');
  },

  // Incomplete and hostile responses
  hangs: () => {},
  'drips a byte at a time': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  },
  'drips a large body': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(' '.repeat(300_000));
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  },
  'drips its headers': (_, response) => {
    response.socket!.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => response.socket?.write('x: y\r\n'), 20);
    response.once('close', () => clearInterval(timer));
  },
  'closes immediately': (_, response) => response.destroy(),
  'stops in the middle of the body': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"name":', () => response.destroy());
  },
  'resets the connection in the middle of the body': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"name":', () => response.socket?.resetAndDestroy());
  },
  'ends the body with a reset': (request, response) => {
    const { socket } = response;
    socket!.write(`${WITHOUT_LENGTH}${document(request)}`, () => {
      // After the client has read all bytes: a reset discards unread ones.
      void whenRead(socket!).then(() => socket!.resetAndDestroy());
    });
  },
  'stops in the middle of a chunk': (_, response) => {
    response.writeHead(200);
    response.write('{"name":', () => response.destroy());
  },
  'truncates a gzip body': (request, response) =>
    send(response, gzipSync(document(request)).subarray(0, -9), { 'content-encoding': 'gzip' }),
  'declares gzip but sends plain text': (request, response) =>
    send(response, document(request), { 'content-encoding': 'gzip' }),
  'responds with SSH instead of HTTP': (_, response) => response.socket!.end('SSH-2.0-OpenSSH_9.0\r\n'),
  'sends 200 KB of headers': (_, response) => {
    response.socket!.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n`);
  },
  'declares a body of 1 TiB': (_, response) => {
    response.writeHead(200, { 'content-length': String(2 ** 40) });
    response.write('{');
  },
  'sends an endless body': (_, response) => {
    response.writeHead(200);
    sendWithoutEnd(response);
  },
  'sends 6 MB': (_, response) => send(response, JSON.stringify({ name: 'x', description: 'a'.repeat(6_000_000) })),
  'sends a gzip bomb': (_, response) => send(response, bomb('gzip'), { 'content-encoding': 'gzip' }),
  'sends a deflate bomb': (_, response) => send(response, bomb('deflate'), { 'content-encoding': 'deflate' }),
  'sends a brotli bomb': (_, response) => send(response, bomb('br'), { 'content-encoding': 'br' }),
  'redirects four times': (request, response) => redirectDown(request, response, 4),
  'redirects in a loop': (request, response) => redirect(response, request.url ?? '/'),
  'redirects to the cloud metadata service': (_, response) =>
    redirect(response, 'http://169.254.169.254/latest/meta-data/'),
  'redirects to loopback': (_, response) => redirect(response, 'http://127.0.0.1:9/'),
  'redirects to IPv6 loopback': (_, response) => redirect(response, 'http://[::1]/'),
  'redirects to a private name': (_, response) => redirect(response, 'http://localhost/'),
  'redirects to a database': (_, response) => redirect(response, 'http://203.0.114.9:5432/'),
  'redirects to a file': (_, response) => redirect(response, 'file:///etc/passwd'),
  'redirects to a script': (_, response) => redirect(response, 'javascript:alert(1)'),
  'redirects with credentials': (_, response) => redirect(response, 'http://user:password@203.0.114.9/'),
  'redirects to an invalid URL': (_, response) => redirect(response, 'http://'),
  'has no TLS certificate': (request, response) => redirect(response, `https://${request.headers.host}/tls/1`),
} satisfies Record<string, Handler>;

/** Without a content length, the end of the connection ends the body. */
const WITHOUT_LENGTH = 'HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n';

const served = new WeakSet<Socket>();

function document(request: IncomingMessage): string {
  const tokenId = request.url?.split('?', 1)[0]?.split('/').at(-1) ?? '';
  return JSON.stringify({ name: `Token ${tokenId}`, image: 'https://img.example/1.png' });
}

function send(response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
}

function status(response: ServerResponse, code: number, headers: Record<string, string> = {}): void {
  response
    .writeHead(code, { 'content-type': 'text/plain', ...headers })
    .end(code === 204 || code === 304 ? '' : `status ${code}`);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end();
}

/** `?left=` is the number of remaining redirects. */
function redirectDown(request: IncomingMessage, response: ServerResponse, hops: number): void {
  const url = new URL(request.url ?? '/', 'http://host');
  const left = Number(url.searchParams.get('left') ?? hops);
  if (left === 0) send(response, '{"name":"At last"}');
  else redirect(response, `${url.pathname}?left=${left - 1}`);
}

/** Waits until the client has read all sent bytes, according to the socket queues of Linux. Elsewhere, waits 500 ms. */
async function whenRead({ localPort, remotePort }: Socket): Promise<void> {
  if (process.platform !== 'linux') return pause(500);
  const [server, client] = [localPort, remotePort].map(
    (port) => `:${port!.toString(16).padStart(4, '0').toUpperCase()}`,
  );
  for (;;) {
    const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/));
    const queuesOf = (from: string, to: string) =>
      lines.find(([, local, remote]) => local?.endsWith(from) && remote?.endsWith(to))?.[4];
    // The format is `sent:received`. A missing entry means a closed socket.
    const [sending, receiving] = [queuesOf(server!, client!), queuesOf(client!, server!)];
    if (!receiving || (receiving.endsWith(':00000000') && sending?.startsWith('00000000:'))) return;
    await pause(5);
  }
}

/** Sends forever, with backpressure. */
function sendWithoutEnd(response: ServerResponse, text = ' '): void {
  const chunk = Buffer.alloc(256 * 1024, text);
  const write = () => {
    while (!response.destroyed && response.write(chunk)) {
      /* continue */
    }
  };
  response.on('drain', write);
  write();
}

/** Creates the decompression bombs in advance, because that takes long. */
export function prepareBombs(): void {
  for (const encoding of ['gzip', 'deflate', 'br'] as const) bomb(encoding);
}

const bombs = new Map<string, Buffer>();

/** 32 MiB of spaces, compressed; cached. */
function bomb(encoding: 'gzip' | 'deflate' | 'br'): Buffer {
  const made = bombs.get(encoding);
  if (made) return made;
  const spaces = Buffer.alloc(32 * 1024 * 1024, ' ');
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } };
  const compress = {
    gzip: (input: Buffer) => gzipSync(input, { level: 1 }),
    deflate: (input: Buffer) => deflateSync(input, { level: 1 }),
    br: (input: Buffer) => brotliCompressSync(input, quick),
  };
  const small = compress[encoding](spaces);
  bombs.set(encoding, small);
  return small;
}
