import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { BodyBytes } from './body-bytes.js';
import type { AnswerHandler, Connection } from './connections.js';
import { LARGE_BODY, NoSeat } from './large-bodies.js';

export interface Exchange {
  url: URL;
  /** Present: it is posted. */
  body?: string | undefined;
  /** Whether it may be sent again when a kept connection turns out to be closed: not a message, which may have arrived. */
  mayRepeat: boolean;
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

export interface HttpAnswer {
  status: number;
  headers: AnswerHeaders;
  body: Buffer;
}

/** By lower-case name, each character a byte; of a header that came twice, the first. */
type AnswerHeaders = Readonly<Record<string, string | undefined>>;

class AnswerTooLarge extends Error {
  readonly code = 'TOO_LARGE';
}

class AnswerIncomplete extends Error {
  readonly code = 'INCOMPLETE';
}

/** Nobody waits any longer. */
class NoLongerWanted extends Error {}

/** A kept connection that its host has closed in the meantime: nothing was answered, and nothing is wrong. */
class ConnectionWasStale extends Error {}

/** After so many stale connections in a row the host is closing them all. */
const STALE_AT_MOST = 3;

/** One request and its answer: no redirects, no proxy, bytes counted after decompression as they come. */
export async function exchange(wanted: Exchange): Promise<HttpAnswer> {
  for (let stale = 0; ; stale += 1) {
    try {
      return await new Promise<HttpAnswer>((done, fail) => new AnswerReader(wanted, done, fail).ask());
    } catch (error) {
      if (!(error instanceof ConnectionWasStale)) throw error;
      if (stale === STALE_AT_MOST || !wanted.mayRepeat) throw error.cause;
    }
  }
}

/** Reads an answer as it comes. A body that matters has to be whole; of an error's body the beginning is enough. */
class AnswerReader implements AnswerHandler {
  connection?: Connection;
  private controller?: Dispatcher.DispatchController;
  private connectionWasUsed = false;
  private status = 0;
  private headers: AnswerHeaders = {};
  private readonly body = new BodyBytes();
  private maxBytes: number;
  private hasBody = false;
  private inflate: Transform | null = null;
  private isOver = false;
  private readonly giveUp = () => this.broken(new NoLongerWanted('The time is over.'));

  constructor(
    private readonly wanted: Exchange,
    private readonly done: (answer: HttpAnswer) => void,
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
    if (this.isOver) controller.abort(new NoLongerWanted('The time was over before there was a connection.'));
  }

  onResponseStart(_: unknown, status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    if (status < 200) return;
    this.connection!.isUsed = true;
    this.status = status;
    this.headers = firstOfEach(headers);
    this.maxBytes = (this.mustBeWhole ? this.wanted.maxBytes : null) ?? this.wanted.errorBodyBytes;
    if (this.mustBeWhole && Number(this.headers['content-length']) > this.maxBytes) {
      return this.broken(new AnswerTooLarge(`The body is declared with more than ${this.maxBytes} bytes.`));
    }
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.isOver) return;
    if (!this.hasBody) this.openInflate(chunk);
    this.hasBody = true;
    if (!this.inflate) this.collect(chunk);
    else if (!this.inflate.write(chunk)) this.controller?.pause();
  }

  onResponseEnd(): void {
    if (this.connection!.isBroken) return this.broken(new AnswerIncomplete('The connection was reset.'));
    if (this.inflate) this.inflate.end();
    else this.complete();
  }

  onResponseError(_: unknown, error: Error): void {
    this.broken(error);
  }

  private get mustBeWhole(): boolean {
    return this.status === 200 && this.wanted.maxBytes !== null;
  }

  private openInflate(first: Buffer): void {
    this.inflate = inflaterFor(this.headers['content-encoding'], first);
    this.inflate
      ?.on('data', (chunk: Buffer) => this.collect(chunk))
      .on('drain', () => this.controller?.resume())
      .once('end', () => this.complete())
      .once('error', (error) => this.broken(new AnswerIncomplete(`The body cannot be decompressed: ${error.message}`)));
  }

  private collect(chunk: Buffer): void {
    if (this.isOver) return;
    const wasLarge = this.body.length > LARGE_BODY;
    if (this.body.length + chunk.length > this.maxBytes) {
      this.body.add(chunk.subarray(0, this.maxBytes - this.body.length));
      return this.broken(new AnswerTooLarge(`The body has more than ${this.maxBytes} bytes.`));
    }
    this.body.add(chunk);
    const { onLargeBody } = this.wanted;
    if (!onLargeBody || wasLarge || this.body.length <= LARGE_BODY) return;
    this.waitForSeat(this.inflate ?? this.controller!, onLargeBody);
  }

  private waitForSeat(source: { pause(): void; resume(): void }, onLargeBody: () => Promise<Buffer>): void {
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
    else if (this.end()) this.fail(this.status === 0 ? this.asStale(error) : asIncomplete(error));
    this.inflate?.destroy();
    this.controller?.abort(error);
  }

  private asStale(error: Error): Error {
    return this.connectionWasUsed && isReset(error) ? new ConnectionWasStale('', { cause: error }) : error;
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
function firstOfEach(headers: Readonly<Record<string, string | string[] | undefined>>): AnswerHeaders {
  const first: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers)) {
    first[name] = !Array.isArray(value) ? value : name === 'content-encoding' ? value.join(', ') : value[0];
  }
  return first;
}

function isReset(error: Error): boolean {
  return 'code' in error && ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(String(error.code));
}

const REASONS_OF_OURS = [AnswerTooLarge, AnswerIncomplete, NoLongerWanted, NoSeat];

function asIncomplete(error: Error): Error {
  return REASONS_OF_OURS.some((reason) => error instanceof reason)
    ? error
    : new AnswerIncomplete('The connection was closed in the middle of the body.', { cause: error });
}

function inflaterFor(encoding: string | undefined, [first = 0]: Buffer): Transform | null {
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      // Some servers leave out the header of zlib, and browsers read that, too.
      return (first & ZLIB_METHOD) === ZLIB_DEFLATE ? createInflate() : createInflateRaw();
    case 'br':
      return createBrotliDecompress();
    default:
      return null;
  }
}

const ZLIB_METHOD = 0x0f;
const ZLIB_DEFLATE = 8;
