import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { LARGE_BODY } from './large-bodies.js';

export interface Exchange {
  url: URL;
  /** Present: it is posted. */
  body?: string | undefined;
  headers: Readonly<Record<string, string>>;
  agent: http.Agent | https.Agent;
  signal: AbortSignal;
  /** The largest body of a 200, in bytes after decompression. */
  maxBytes: number;
  /** How much of any other body is read. */
  errorBodyBytes: number;
  /** Asked once when a body turns out to be large; it is read on when this resolves. */
  onLargeBody: () => Promise<void>;
}

export interface HttpAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

class AnswerTooLarge extends Error {
  readonly code = 'TOO_LARGE';
}

class AnswerIncomplete extends Error {
  readonly code = 'INCOMPLETE';
}

/** A kept connection that its host has closed in the meantime: nothing was answered, and nothing is wrong. */
class ConnectionWasStale extends Error {}

/** After so many stale connections in a row the host is closing them all. */
const STALE_AT_MOST = 3;

/** One request and its answer on node:http: no redirects, no proxy, bytes counted after decompression as they come. */
export async function exchange(wanted: Exchange): Promise<HttpAnswer> {
  for (let stale = 0; ; stale += 1) {
    try {
      return await exchangeOnce(wanted);
    } catch (error) {
      if (!(error instanceof ConnectionWasStale)) throw error;
      if (stale === STALE_AT_MOST) throw error.cause;
    }
  }
}

function exchangeOnce({ url, body, headers, agent, signal, ...limits }: Exchange): Promise<HttpAnswer> {
  return new Promise((done, fail) => {
    const client = url.protocol === 'https:' ? https : http;
    const method = body === undefined ? 'GET' : 'POST';
    const request = client.request(url, { method, agent, headers, signal }).end(body);
    let hasAnswered = false;
    // Of a connection that breaks in the middle of an answer, the answer's body tells.
    request.on('error', (error) => {
      if (hasAnswered) return;
      fail(request.reusedSocket && isReset(error) ? new ConnectionWasStale('', { cause: error }) : error);
    });
    request.once('response', (response) => {
      hasAnswered = true;
      const status = response.statusCode ?? 0;
      const isGood = status === 200;
      const maxBytes = isGood ? limits.maxBytes : limits.errorBodyBytes;
      readBody(response, { maxBytes, mustBeWhole: isGood, onLargeBody: limits.onLargeBody }).then(
        (answered) => done({ status, headers: response.headers, body: answered }),
        (error: Error) => {
          request.destroy();
          fail(error);
        },
      );
    });
  });
}

interface BodyLimits extends Pick<Exchange, 'maxBytes' | 'onLargeBody'> {
  mustBeWhole: boolean;
}

/** A body that matters has to be whole; of an error's body the beginning is enough. */
function readBody(response: IncomingMessage, { maxBytes, mustBeWhole, onLargeBody }: BodyLimits): Promise<Buffer> {
  return new Promise((done, fail) => {
    if (mustBeWhole && Number(response.headers['content-length']) > maxBytes) {
      return fail(new AnswerTooLarge(`The body is declared with more than ${maxBytes} bytes.`));
    }
    const inflate = inflaterFor(response.headers['content-encoding']);
    const stream: Readable = inflate ? response.pipe(inflate) : response;
    const chunks: Buffer[] = [];
    let bytes = 0;

    const cutShort = () => {
      done(Buffer.concat(chunks).subarray(0, maxBytes));
      response.destroy();
      inflate?.destroy();
    };
    const waitForSeat = () => {
      stream.pause();
      void onLargeBody().then(() => stream.resume());
    };
    const broken = (error: Error) => (mustBeWhole ? fail(asIncomplete(error)) : cutShort());
    stream.on('data', (chunk: Buffer) => {
      const wasLarge = bytes > LARGE_BODY;
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > LARGE_BODY && !wasLarge && bytes <= maxBytes) return waitForSeat();
      if (bytes <= maxBytes) return;
      stream.removeAllListeners('data');
      if (!mustBeWhole) return cutShort();
      // First this, then the end of the connection, which would be a reason of its own.
      fail(new AnswerTooLarge(`The body has more than ${maxBytes} bytes.`));
      response.destroy();
      inflate?.destroy();
    });
    stream.once('end', () => done(Buffer.concat(chunks)));
    stream.on('error', broken);
    if (inflate) response.on('error', broken);
    response.once('aborted', () =>
      broken(new AnswerIncomplete('The connection was closed in the middle of the body.')),
    );
  });
}

function isReset(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function asIncomplete(error: Error): Error {
  const code = 'code' in error ? String(error.code) : '';
  return /^(Z_|ERR_|ERR__)/.test(code)
    ? new AnswerIncomplete(`The body cannot be decompressed: ${error.message}`)
    : error;
}

function inflaterFor(encoding: string | undefined): Transform | null {
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return null;
  }
}
