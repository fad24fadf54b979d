import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { ResponseTooLarge } from './response-too-large.js';

/** Where bytes come from, while nobody can take more. */
export interface ByteSource {
  pause(): void;
  resume(): void;
}

/** Takes the bytes of a body in order. */
export interface ByteSink {
  write(chunk: Buffer, from: ByteSource): void;
  end(): void;
  fail(error: Error): void;
}

export interface BodyDecoder extends Omit<ByteSink, 'fail'> {
  destroy(): void;
}

/** Each has memory of its own, and a header has room for thousands of names. */
const MAX_CODINGS = 3;
/** White space behind a gzip body, in bytes. */
const MAX_PADDING = 256;

/**
 * Removes the codings of a `Content-Encoding` header, the last one first (RFC 9110, 8.4). Names that stand for no coding,
 * such as `identity` and `aws-chunked`, are skipped. null: there is nothing to remove, or there are more than three.
 *
 * @param maxBytes The most bytes that may go into any one of them: a bomb may be wrapped in another one.
 */
export function decoderFor(contentEncoding: string | undefined, sink: ByteSink, maxBytes: number): BodyDecoder | null {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => CODINGS[name.trim()])
    .filter((coding) => coding !== undefined);
  if (codings.length === 0 || codings.length > MAX_CODINGS) return null;
  // The first coding was applied first, so its output goes to the sink.
  const decoders: CodingDecoder[] = [];
  for (const coding of codings) decoders.unshift(new CodingDecoder(coding, decoders[0] ?? sink, maxBytes));
  const [outermost] = decoders;
  return {
    write: (chunk, from) => outermost!.write(chunk, from),
    end: () => outermost!.end(),
    destroy: () => decoders.forEach((decoder) => decoder.destroy()),
  };
}

type Coding = 'gzip' | 'deflate' | 'br';

const CODINGS: Readonly<Record<string, Coding | undefined>> = {
  __proto__: null as never,
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
};

/** Removes one coding. */
class CodingDecoder implements BodyDecoder, ByteSink {
  private stream: Transform | undefined;
  private received = 0;
  /** Maybe the padding behind the body. */
  private heldBack: Buffer = Buffer.alloc(0);

  constructor(
    private readonly coding: Coding,
    private readonly sink: ByteSink,
    private readonly maxBytes: number,
  ) {}

  write(chunk: Buffer, from: ByteSource): void {
    this.received += chunk.length;
    if (this.received > this.maxBytes) {
      return this.fail(new ResponseTooLarge(`The body has more than ${this.maxBytes} bytes before it is decompressed.`));
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
   * White space at the end is held back, and never written if nothing follows: zlib takes it for a second, broken member.
   * A gzip body ends with its size, whose last byte is 0 below 16 MiB, so none of its own bytes is lost.
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
      // Some servers leave out the header of zlib, and browsers read that, too.
      return (first & ZLIB_METHOD) === ZLIB_DEFLATE ? createInflate() : createInflateRaw();
  }
}

const ZLIB_METHOD = 0x0f;
const ZLIB_DEFLATE = 8;

function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
