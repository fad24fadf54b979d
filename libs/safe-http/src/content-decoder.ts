import type { Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  gunzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';
import { ResponseTooLarge } from './response-too-large.js';

/** A source that supports backpressure. */
export interface ByteSource {
  pause(): void;
  resume(): void;
}

/** Receives the bytes of a body in order. */
export interface ByteSink {
  write(chunk: Buffer, from: ByteSource): void;
  end(): void;
  fail(error: Error): void;
}

export interface BodyDecoder extends Omit<ByteSink, 'fail'> {
  destroy(): void;
}

/** Each decoder allocates memory, and a header could name thousands. */
const MAX_CODINGS = 3;
/** The longest white space after a gzip body, in bytes. */
const MAX_PADDING = 256;

/**
 * Decodes the codings of a `Content-Encoding` header, the last one first (RFC 9110, 8.4). Unknown names, such as `identity`
 * and `aws-chunked`, are skipped. null: no coding, or more than three.
 *
 * @param maxBytes The most bytes that may enter any one decoder: a decompression bomb may be nested in another one.
 */
export function decoderFor(contentEncoding: string, sink: ByteSink, maxBytes: number): BodyDecoder | null {
  const codings = codingsIn(contentEncoding);
  if (codings.length === 0 || codings.length > MAX_CODINGS) return null;
  // The server applied the first coding first, so its decoder is the last and feeds the sink.
  const decoders: CodingDecoder[] = [];
  for (const coding of codings) decoders.unshift(new CodingDecoder(coding, decoders[0] ?? sink, maxBytes));
  const [outermost] = decoders;
  return {
    write: (chunk, from) => outermost!.write(chunk, from),
    end: () => outermost!.end(),
    destroy: () => decoders.forEach((decoder) => decoder.destroy()),
  };
}

/** The most encoded bytes that are decoded synchronously, which blocks the event loop for less than a millisecond. */
export const MAX_SYNC_BYTES = 16 * 1024;

/**
 * Decodes a small body that has arrived whole, for a third of the CPU time of a stream. null: use a decoder, which tells what
 * is wrong: the body may be damaged, have more than `maxBytes` after decompression, or have no or several codings. Brotli is
 * always left to a decoder: from a few bytes it fills a window of 16 MiB before it returns any, which takes milliseconds.
 */
export function decodeSync(contentEncoding: string, body: Buffer, maxBytes: number): Buffer | null {
  const [coding, ...others] = codingsIn(contentEncoding);
  if (coding === undefined || coding === 'br' || others.length > 0) return null;
  try {
    return decompressSync(coding, body, maxBytes);
  } catch {
    return null;
  }
}

function codingsIn(contentEncoding: string): Coding[] {
  const names = contentEncoding.toLowerCase().split(',');
  return names.map((name) => CODINGS[name.trim()]).filter((coding) => coding !== undefined);
}

type Coding = 'gzip' | 'deflate' | 'br';

const CODINGS: Readonly<Record<string, Coding | undefined>> = {
  __proto__: null as never,
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
};

/** Decodes one coding. */
class CodingDecoder implements BodyDecoder, ByteSink {
  private stream: Transform | undefined;
  private received = 0;
  /** White space that may be padding after the body. */
  private heldBack: Buffer = Buffer.alloc(0);

  constructor(
    private readonly coding: Coding,
    private readonly sink: ByteSink,
    private readonly maxBytes: number,
  ) {}

  write(chunk: Buffer, from: ByteSource): void {
    this.received += chunk.length;
    if (this.received > this.maxBytes) {
      return this.fail(
        new ResponseTooLarge(`The body has more than ${this.maxBytes} bytes before it is decompressed.`),
      );
    }
    const bytes = this.coding === 'gzip' ? this.withoutPadding(chunk) : chunk;
    if (bytes.length === 0) return;
    this.stream ??= this.open(bytes, from);
    if (!this.stream.write(bytes)) from.pause();
  }

  end(): void {
    if (this.stream) this.stream.end();
    else this.sink.end();
  }

  fail(error: Error): void {
    this.sink.fail(error);
  }

  destroy(): void {
    this.stream?.destroy();
  }

  /**
   * Holds back trailing white space and drops it if nothing follows: zlib would read it as a second, broken member. A gzip
   * body ends with its size, whose last byte is 0 below 16 MiB, so no byte of the body itself is dropped.
   */
  private withoutPadding(chunk: Buffer): Buffer {
    const bytes = this.heldBack.length > 0 ? Buffer.concat([this.heldBack, chunk]) : chunk;
    let end = bytes.length;
    while (end > 0 && bytes.length - end < MAX_PADDING && isWhiteSpace(bytes[end - 1]!)) end -= 1;
    this.heldBack = bytes.subarray(end);
    return bytes.subarray(0, end);
  }

  private open(first: Buffer, from: ByteSource): Transform {
    const stream = decompressor(this.coding, first);
    return stream
      .on('data', (chunk: Buffer) => this.sink.write(chunk, stream))
      .on('drain', () => from.resume())
      .once('end', () => this.sink.end())
      .once('error', (error) => this.fail(error));
  }
}

function decompressor(coding: Coding, [first = 0]: Buffer): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      return hasZlibHeader(first) ? createInflate() : createInflateRaw();
  }
}

function decompressSync(coding: Exclude<Coding, 'br'>, body: Buffer, maxOutputLength: number): Buffer {
  switch (coding) {
    case 'gzip':
      return gunzipSync(body, { maxOutputLength });
    case 'deflate':
      return (hasZlibHeader(body[0]) ? inflateSync : inflateRawSync)(body, { maxOutputLength });
  }
}

/** Some servers omit it for `deflate`; browsers accept that. */
function hasZlibHeader(first = 0): boolean {
  return (first & ZLIB_METHOD) === ZLIB_DEFLATE;
}

const ZLIB_METHOD = 0x0f;
const ZLIB_DEFLATE = 8;

function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
