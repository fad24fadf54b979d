import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { decodeSync, decoderFor, type ByteSource } from './content-decoder.js';

const TEXT = Buffer.from(JSON.stringify({ name: 'Lamp', description: 'A lamp that shines. '.repeat(100) }));
const ZEROS = Buffer.alloc(300_000);
const MAX_BYTES = 256 * 1024;

const gzip = gzipSync(TEXT);
const deflate = deflateSync(TEXT);
const raw = deflateRawSync(TEXT);
const brotli = brotliCompressSync(TEXT);
const concat = (...parts: (Buffer | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

const BODIES: [what: string, contentEncoding: string, body: Buffer, isDecodedSync: boolean][] = [
  ['gzip', 'gzip', gzip, true],
  ['gzip under its old name, with identity', 'identity, X-GZIP', gzip, true],
  ['gzip of nothing', 'gzip', gzipSync(''), true],
  ['gzip in two members', 'gzip', concat(gzip, gzip), true],
  ['gzip with zeros after it', 'gzip', concat(gzip, '\0\0\0'), true],
  ['deflate', 'deflate', deflate, true],
  ['deflate without its header', 'deflate', raw, true],
  ['brotli', 'br', brotli, false],
  ['gzip with white space after it', 'gzip', concat(gzip, '\r\n'), false],
  ['gzip with other bytes after it', 'gzip', concat(gzip, '<!-- cached -->'), false],
  ['deflate with other bytes after it', 'deflate', concat(deflate, '<!-- cached -->'), true],
  ['brotli with other bytes after it', 'br', concat(brotli, '<!-- cached -->'), false],
  ['gzip, truncated', 'gzip', gzip.subarray(0, -10), false],
  ['gzip without its checksum', 'gzip', gzip.subarray(0, -8), false],
  ['gzip with a wrong checksum', 'gzip', concat(gzip.subarray(0, -8), '12345678'), false],
  ['deflate, truncated', 'deflate', deflate.subarray(0, -6), false],
  ['brotli, truncated', 'br', brotli.subarray(0, -2), false],
  ['text that is declared as gzip', 'gzip', TEXT, false],
  ['text that is declared as brotli', 'br', TEXT, false],
  ['gzip that is larger than the limit', 'gzip', gzipSync(ZEROS), false],
  ['a brotli bomb of 30 bytes', 'br', brotliCompressSync(Buffer.alloc(16_000_000)), false],
  ['brotli that is larger than the limit', 'br', brotliCompressSync(ZEROS), false],
  ['gzip inside of gzip', 'gzip, gzip', gzipSync(gzip), false],
  ['no coding that is known', 'aws-chunked', TEXT, false],
];

const SYNC = BODIES.filter(([, , , isDecodedSync]) => isDecodedSync);
const AS_STREAM = BODIES.filter(([, , , isDecodedSync]) => !isDecodedSync);

it.each(SYNC)('a small body is decoded synchronously as a stream would decode it: %s', async (_, encoding, body) => {
  expect(decodeSync(encoding, body, MAX_BYTES)).toEqual(await decodeAsStream(encoding, body));
});

it.each(AS_STREAM)('a small body is left to a stream: %s', (_, encoding, body) => {
  expect(decodeSync(encoding, body, MAX_BYTES)).toBeNull();
});

it('a body that grows to just the limit is decoded synchronously, and not to one byte more', () => {
  const body = gzipSync(ZEROS.subarray(0, 1000));

  expect(decodeSync('gzip', body, 1000)).toHaveLength(1000);
  expect(decodeSync('gzip', body, 999)).toBeNull();
});

it.each(SYNC)(
  'a part of a small body is never decoded synchronously, unless a stream would: %s',
  async (_, encoding, body) => {
    const parts = Array.from(body, (_byte, length) => body.subarray(0, length));
    const decoded = parts
      .map((part) => ({ part, text: decodeSync(encoding, part, MAX_BYTES) }))
      .filter(({ text }) => text !== null);

    const asStream = await Promise.all(decoded.map(({ part }) => decodeAsStream(encoding, part)));
    expect(decoded.map(({ text }) => text)).toEqual(asStream);
  },
);

/** What a decoder gives. Rejects if it fails. */
function decodeAsStream(contentEncoding: string, body: Buffer): Promise<Buffer> {
  const source: ByteSource = { pause: () => {}, resume: () => {} };
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const sink = {
      write: (chunk: Buffer) => void chunks.push(chunk),
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    };
    const decoder = decoderFor(contentEncoding, sink, MAX_BYTES)!;
    decoder.write(body, source);
    decoder.end();
  });
}
