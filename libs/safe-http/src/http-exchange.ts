import type { Dispatcher } from 'undici';
import { ResponseTooLarge } from './response-too-large.js';
import { BodyBytes } from './body-bytes.js';
import type { ResponseHandler, Connection } from './connections.js';
import { decodeSync, decoderFor, MAX_SYNC_BYTES, type BodyDecoder, type ByteSource } from './content-decoder.js';
import { LARGE_BODY, AcquireTimeout } from './body-buffer-pool.js';
import type { RequestSignal } from './request-signal.js';

export interface ExchangeRequest {
  url: URL;
  /** Makes it a POST. null: a GET. */
  body: string | null;
  /**
   * Whether to send it again if a kept-alive connection turns out to be closed. Not for a message, which may have arrived.
   */
  idempotent: boolean;
  headers: Readonly<Record<string, string>>;
  connections: Dispatcher;
  signal: RequestSignal;
  /**
   * The largest body of a 200, in bytes after decompression. null: only the first `errorBodyBytes` are read, as of any
   * other status.
   */
  maxBytes: number | null;
  /** How many bytes of any other body are read. */
  errorBodyBytes: number;
  /** Called once when the body proves large; reading continues in the buffer it resolves with. Absent: without a wait. */
  onLargeBody?: (() => Promise<Buffer>) | undefined;
}

export interface HttpResponse {
  status: number;
  headers: ResponseHeaders;
  body: Buffer;
}

/** Keys are lower case, values Latin-1 (one character per byte). Of a repeated header, the first value. */
type ResponseHeaders = Readonly<Record<string, string | undefined>>;

class IncompleteResponse extends Error {
  readonly code = 'INCOMPLETE';
}

/** The caller's signal was aborted. */
class RequestAborted extends Error {}

/** After so many stale connections in a row the host is closing all of them. */
const MAX_STALE_RETRIES = 3;

/** One request and its response: no redirects, no proxy. Counts bytes after decompression while they arrive. */
export function exchange(request: ExchangeRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const send = (staleConnections: number) => {
      const onStale = (cause: unknown) => {
        if (!request.idempotent || staleConnections === MAX_STALE_RETRIES) reject(cause);
        // Not from within undici, which is still removing the connection.
        else queueMicrotask(() => send(staleConnections + 1));
      };
      new ResponseReader(request, resolve, reject, onStale).send();
    };
    send(0);
  });
}

/** Reads a response as it arrives. The body of a 200 has to be complete; of an error's body the beginning is enough. */
class ResponseReader implements ResponseHandler {
  connection?: Connection;
  private controller?: Dispatcher.DispatchController;
  private connectionWasUsed = false;
  private status = 0;
  private headers: ResponseHeaders = {};
  private readonly body = new BodyBytes();
  private maxBytes: number;
  private decoder: BodyDecoder | null = null;
  /** An encoded body as it arrives, as long as it may turn out to be small. */
  private encoded: BodyBytes | null = null;
  private isSettled = false;
  private readonly onAbort = () => this.fail(new RequestAborted('The deadline is over.'));

  constructor(
    private readonly request: ExchangeRequest,
    private readonly resolve: (response: HttpResponse) => void,
    private readonly reject: (error: unknown) => void,
    /** The host closed a kept-alive connection before the request. Nothing is wrong with the host. */
    private readonly onStale: (cause: Error) => void,
  ) {}

  send(): void {
    const { url, body, headers, connections, signal } = this.request;
    if (signal.aborted) return this.onAbort();
    signal.addEventListener('abort', this.onAbort, { once: true });
    const method = body === null ? 'GET' : 'POST';
    connections.dispatch({ origin: url.origin, path: `${url.pathname}${url.search}`, method, body, headers }, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    this.connectionWasUsed = this.connection!.isUsed;
    if (this.isSettled) controller.abort(new RequestAborted('The deadline was over before a connection was open.'));
  }

  onResponseStart(_: unknown, status: number, headers: ReceivedHeaders): void {
    if (status < 200) return;
    this.connection!.isUsed = true;
    this.status = status;
    this.headers = firstValues(headers);
    this.maxBytes = (this.needsWholeBody ? this.request.maxBytes : null) ?? this.request.errorBodyBytes;
    if (this.needsWholeBody && Number(this.headers['content-length']) > this.maxBytes) {
      return this.fail(new ResponseTooLarge(`The Content-Length is more than ${this.maxBytes} bytes.`));
    }
    const contentEncoding = this.headers['content-encoding'];
    if (contentEncoding === undefined) return;
    if (this.needsWholeBody) this.encoded = new BodyBytes();
    else this.decoder = this.openDecoder(contentEncoding);
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.isSettled) return;
    if (this.encoded) this.collectEncoded(chunk, this.encoded);
    else this.decode(chunk, this.controller!);
  }

  onResponseEnd(): void {
    if (this.connection!.isBroken) return this.fail(new IncompleteResponse('The connection was reset.'));
    if (this.encoded && this.encoded.length > 0) this.decodeSmallBody(this.encoded);
    if (this.decoder) this.decoder.end();
    else this.complete();
  }

  onResponseError(_: unknown, error: Error): void {
    this.fail(error);
  }

  private get needsWholeBody(): boolean {
    return this.status === 200 && this.request.maxBytes !== null;
  }

  private openDecoder(contentEncoding: string): BodyDecoder | null {
    const sink = {
      write: (chunk: Buffer, from: ByteSource) => this.collect(chunk, from),
      end: () => this.complete(),
      fail: (error: Error) => this.fail(asIncomplete(error, `The body cannot be decompressed: ${error.message}`)),
    };
    return decoderFor(contentEncoding, sink, Math.max(this.maxBytes, LARGE_BODY));
  }

  private collectEncoded(chunk: Buffer, encoded: BodyBytes): void {
    encoded.append(chunk);
    if (encoded.length > MAX_SYNC_BYTES) this.decodeAsStream(encoded, this.controller!);
  }

  private decodeSmallBody(encoded: BodyBytes): void {
    const maxBytes = Math.min(this.maxBytes, LARGE_BODY);
    const body = decodeSync(this.headers['content-encoding']!, encoded.head(encoded.length), maxBytes);
    if (body) this.collect(body, COMPLETE);
    else this.decodeAsStream(encoded, COMPLETE);
  }

  private decodeAsStream(encoded: BodyBytes, from: ByteSource): void {
    this.encoded = null;
    this.decoder = this.openDecoder(this.headers['content-encoding']!);
    this.decode(encoded.head(encoded.length), from);
  }

  private decode(chunk: Buffer, from: ByteSource): void {
    if (this.decoder) this.decoder.write(chunk, from);
    else this.collect(chunk, from);
  }

  private collect(chunk: Buffer, from: ByteSource): void {
    if (this.isSettled) return;
    const wasLarge = this.body.length > LARGE_BODY;
    if (this.body.length + chunk.length > this.maxBytes) {
      this.body.append(chunk.subarray(0, this.maxBytes - this.body.length));
      return this.fail(new ResponseTooLarge(`The body has more than ${this.maxBytes} bytes.`));
    }
    this.body.append(chunk);
    const { onLargeBody } = this.request;
    if (!onLargeBody || wasLarge || this.body.length <= LARGE_BODY) return;
    this.waitForBuffer(from, onLargeBody);
  }

  private waitForBuffer(source: ByteSource, onLargeBody: () => Promise<Buffer>): void {
    source.pause();
    onLargeBody().then(
      (buffer) => {
        if (this.isSettled) return;
        this.body.moveTo(buffer);
        source.resume();
      },
      (error: Error) => this.fail(error),
    );
  }

  private complete(): void {
    if (!this.settle()) return;
    this.resolve({ status: this.status, headers: this.headers, body: this.body.head(this.maxBytes) });
  }

  /** Settles before it aborts the connection, whose own error would hide the cause. */
  private fail(error: Error): void {
    if (this.status !== 0 && !this.needsWholeBody) this.complete();
    else if (this.settle()) this.rejectWith(error);
    this.decoder?.destroy();
    this.controller?.abort(error);
  }

  private rejectWith(error: Error): void {
    if (this.status !== 0) this.reject(asIncomplete(error));
    else if (isProtocolError(error)) {
      this.reject(new IncompleteResponse(`The response is not HTTP: ${error.message}`, { cause: error }));
    } else if (this.connectionWasUsed && isReset(error)) this.onStale(error);
    else this.reject(error);
  }

  /** False if the exchange is settled already. */
  private settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.request.signal.removeEventListener('abort', this.onAbort);
    return true;
  }
}

/** The source of a body that has arrived whole. */
const COMPLETE: ByteSource = { pause() {}, resume() {} };

/** Treats repeated headers as node:http does. */
function firstValues(headers: ReceivedHeaders): ResponseHeaders {
  if (hasSingleValues(headers)) return headers;
  const first: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) {
    first[name] = !Array.isArray(value) ? value : name === 'content-encoding' ? value.join(', ') : value[0];
  }
  return first;
}

type ReceivedHeaders = Readonly<Record<string, string | string[] | undefined>>;

function hasSingleValues(headers: ReceivedHeaders): headers is ResponseHeaders {
  for (const name in headers) if (typeof headers[name] !== 'string') return false;
  return true;
}

function isReset(error: Error): boolean {
  return 'code' in error && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(error.code));
}

const OWN_ERRORS = [ResponseTooLarge, IncompleteResponse, RequestAborted, AcquireTimeout];

function asIncomplete(error: Error, message = 'The connection was closed in the middle of the body.'): Error {
  return OWN_ERRORS.some((own) => error instanceof own) ? error : new IncompleteResponse(message, { cause: error });
}

/** Whether the host sent something that undici cannot parse, or a status that it did not ask for (100, 101). */
function isProtocolError(error: Error): boolean {
  if (error.name === 'HTTPParserError') return true;
  const code = 'code' in error ? String(error.code) : '';
  return PROTOCOL_ERRORS.has(code) || (code === 'UND_ERR_SOCKET' && /^bad (response|upgrade)/.test(error.message));
}

/** ERR_ASSERTION is undici's own check of its parser; a 101 that does not switch protocols fails it. */
const PROTOCOL_ERRORS = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'ERR_ASSERTION']);
