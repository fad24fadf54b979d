import type { Dispatcher } from 'undici';
import { ResponseTooLarge } from './response-too-large.js';
import { BodyBytes } from './body-bytes.js';
import type { ResponseHandler, Connection } from './connections.js';
import { decoderFor, type BodyDecoder, type ByteSource } from './content-decoder.js';
import { LARGE_BODY, AcquireTimeout } from './body-buffer-pool.js';

export interface Exchange {
  url: URL;
  /** Present: it is posted. */
  body?: string | undefined;
  /** Whether it may be sent again when a kept connection turns out to be closed: not a message, which may have arrived. */
  idempotent: boolean;
  headers: Readonly<Record<string, string>>;
  connections: Dispatcher;
  signal: AbortSignal;
  /** The largest body of a 200, in bytes after decompression. null: its beginning is enough, as of any other. */
  maxBytes: number | null;
  /** How much of any other body is read. */
  errorBodyBytes: number;
  /** Asked once when a body turns out to be large; it is read on into what this resolves with. Without it, at once. */
  onLargeBody?: (() => Promise<Buffer>) | undefined;
}

export interface HttpResponse {
  status: number;
  headers: ResponseHeaders;
  body: Buffer;
}

/** By lower-case name, each character a byte; of a header that came twice, the first. */
type ResponseHeaders = Readonly<Record<string, string | undefined>>;

class IncompleteResponse extends Error {
  readonly code = 'INCOMPLETE';
}

/** Nobody waits any longer. */
class RequestAborted extends Error {}

/** A kept connection that its host has closed in the meantime: nothing was answered, and nothing is wrong. */
class StaleConnection extends Error {}

/** After so many stale connections in a row the host is closing them all. */
const MAX_STALE_RETRIES = 3;

/** One request and its answer: no redirects, no proxy, bytes counted after decompression as they come. */
export async function exchange(wanted: Exchange): Promise<HttpResponse> {
  for (let stale = 0; ; stale += 1) {
    try {
      return await new Promise<HttpResponse>((done, fail) => new ResponseReader(wanted, done, fail).ask());
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      if (stale === MAX_STALE_RETRIES || !wanted.idempotent) throw error.cause;
    }
  }
}

/** Reads an answer as it comes. A body that matters has to be whole; of an error's body the beginning is enough. */
class ResponseReader implements ResponseHandler {
  connection?: Connection;
  private controller?: Dispatcher.DispatchController;
  private connectionWasUsed = false;
  private status = 0;
  private headers: ResponseHeaders = {};
  private readonly body = new BodyBytes();
  private maxBytes: number;
  private hasBody = false;
  private decoder: BodyDecoder | null = null;
  private isOver = false;
  private readonly giveUp = () => this.broken(new RequestAborted('The time is over.'));

  constructor(
    private readonly wanted: Exchange,
    private readonly done: (answer: HttpResponse) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  ask(): void {
    const { url, body = null, headers, connections, signal } = this.wanted;
    if (signal.aborted) return this.giveUp();
    signal.addEventListener('abort', this.giveUp, { once: true });
    const method = body === null ? 'GET' : 'POST';
    connections.dispatch({ origin: url.origin, path: `${url.pathname}${url.search}`, method, body, headers }, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    this.connectionWasUsed = this.connection!.isUsed;
    if (this.isOver) controller.abort(new RequestAborted('The time was over before there was a connection.'));
  }

  onResponseStart(_: unknown, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    if (status < 200) return;
    this.connection!.isUsed = true;
    this.status = status;
    this.headers = firstOfEach(headers);
    this.maxBytes = (this.mustBeWhole ? this.wanted.maxBytes : null) ?? this.wanted.errorBodyBytes;
    if (this.mustBeWhole && Number(this.headers['content-length']) > this.maxBytes) {
      return this.broken(new ResponseTooLarge(`The body is declared with more than ${this.maxBytes} bytes.`));
    }
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.isOver) return;
    if (!this.hasBody) this.decoder = this.openDecoder();
    this.hasBody = true;
    if (this.decoder) this.decoder.write(chunk, this.controller!);
    else this.collect(chunk, this.controller!);
  }

  onResponseEnd(): void {
    if (this.connection!.isBroken) return this.broken(new IncompleteResponse('The connection was reset.'));
    if (this.decoder) this.decoder.end();
    else this.complete();
  }

  onResponseError(_: unknown, error: Error): void {
    this.broken(error);
  }

  private get mustBeWhole(): boolean {
    return this.status === 200 && this.wanted.maxBytes !== null;
  }

  private openDecoder(): BodyDecoder | null {
    const sink = {
      write: (chunk: Buffer, from: ByteSource) => this.collect(chunk, from),
      end: () => this.complete(),
      fail: (error: Error) => this.broken(asIncomplete(error, `The body cannot be decompressed: ${error.message}`)),
    };
    return decoderFor(this.headers['content-encoding'], sink, Math.max(this.maxBytes, LARGE_BODY));
  }

  private collect(chunk: Buffer, from: ByteSource): void {
    if (this.isOver) return;
    const wasLarge = this.body.length > LARGE_BODY;
    if (this.body.length + chunk.length > this.maxBytes) {
      this.body.add(chunk.subarray(0, this.maxBytes - this.body.length));
      return this.broken(new ResponseTooLarge(`The body has more than ${this.maxBytes} bytes.`));
    }
    this.body.add(chunk);
    const { onLargeBody } = this.wanted;
    if (!onLargeBody || wasLarge || this.body.length <= LARGE_BODY) return;
    this.waitForSeat(from, onLargeBody);
  }

  private waitForSeat(source: ByteSource, onLargeBody: () => Promise<Buffer>): void {
    source.pause();
    onLargeBody().then(
      (room) => {
        if (this.isOver) return;
        this.body.moveTo(room);
        source.resume();
      },
      (error: Error) => this.broken(error),
    );
  }

  private complete(): void {
    if (!this.end()) return;
    this.done({ status: this.status, headers: this.headers, body: this.body.take(this.maxBytes) });
  }

  /** The end of the connection comes after the answer, since it would be a reason of its own. */
  private broken(error: Error): void {
    if (this.status !== 0 && !this.mustBeWhole) this.complete();
    else if (this.end()) this.fail(this.status === 0 ? this.withoutAnswer(error) : asIncomplete(error));
    this.decoder?.destroy();
    this.controller?.abort(error);
  }

  private withoutAnswer(error: Error): Error {
    if (isNoHttp(error)) return new IncompleteResponse(`What came is no HTTP: ${error.message}`, { cause: error });
    return this.connectionWasUsed && isReset(error) ? new StaleConnection('', { cause: error }) : error;
  }

  /** Whether this was the end, and not something that came after it. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.wanted.signal.removeEventListener('abort', this.giveUp);
    return true;
  }
}

/** Of headers that came twice, as node:http has it. */
function firstOfEach(headers: Readonly<Record<string, string | string[] | undefined>>): ResponseHeaders {
  const first: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) {
    first[name] = !Array.isArray(value) ? value : name === 'content-encoding' ? value.join(', ') : value[0];
  }
  return first;
}

function isReset(error: Error): boolean {
  return 'code' in error && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(error.code));
}

const REASONS_OF_OURS = [ResponseTooLarge, IncompleteResponse, RequestAborted, AcquireTimeout];

function asIncomplete(error: Error, message = 'The connection was closed in the middle of the body.'): Error {
  return REASONS_OF_OURS.some((reason) => error instanceof reason)
    ? error
    : new IncompleteResponse(message, { cause: error });
}

/** The host has spoken, and undici understands nothing of it, or has not asked for it: 100, 101. */
function isNoHttp(error: Error): boolean {
  if (error.name === 'HTTPParserError') return true;
  const code = 'code' in error ? String(error.code) : '';
  return NO_HTTP.has(code) || (code === 'UND_ERR_SOCKET' && /^bad (response|upgrade)/.test(error.message));
}

/** The last one is undici's own check of the parser, which a 101 that switches to nothing does not pass. */
const NO_HTTP = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'ERR_ASSERTION']);
