import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { decodeAtOnce, decoderFor, type ByteSource } from './content-decoder.js';

const TEXT = Buffer.from(JSON.stringify({ name: 'Lamp', description: 'A lamp that shines. '.repeat(100) }));
const ZEROS = Buffer.alloc(300_000);
const MAX_BYTES = 256 * 1024;

const gzip = gzipSync(TEXT);
const deflate = deflateSync(TEXT);
const raw = deflateRawSync(TEXT);
const brotli = brotliCompressSync(TEXT);
const concat = (...parts: (Buffer | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part)));

const BODIES: [what: string, contentEncoding: string, body: Buffer, isDecodedAtOnce: boolean][] = [
  ['gzip', 'gzip', gzip, true],
  ['gzip under its old name, with identity', 'identity, X-GZIP', gzip, true],
  ['gzip of nothing', 'gzip', gzipSync(''), true],
  ['gzip in two members', 'gzip', concat(gzip, gzip), true],
  ['gzip with zeros after it', 'gzip', concat(gzip, '\0\0\0'), true],
  ['deflate', 'deflate', deflate, true],
  ['deflate without its header', 'deflate', raw, true],
  ['brotli', 'br', brotli, true],
  ['gzip with white space after it', 'gzip', concat(gzip, '\r\n'), false],
  ['gzip with other bytes after it', 'gzip', concat(gzip, '<!-- cached -->'), false],
  ['deflate with other bytes after it', 'deflate', concat(deflate, '<!-- cached -->'), true],
  ['brotli with other bytes after it', 'br', concat(brotli, '<!-- cached -->'), true],
  ['gzip, truncated', 'gzip', gzip.subarray(0, -10), false],
  ['gzip without its checksum', 'gzip', gzip.subarray(0, -8), false],
  ['gzip with a wrong checksum', 'gzip', concat(gzip.subarray(0, -8), '12345678'), false],
  ['deflate, truncated', 'deflate', deflate.subarray(0, -6), false],
  ['brotli, truncated', 'br', brotli.subarray(0, -2), false],
  ['text that is declared as gzip', 'gzip', TEXT, false],
  ['text that is declared as brotli', 'br', TEXT, false],
  ['gzip that is larger than the limit', 'gzip', gzipSync(ZEROS), false],
  ['brotli that is larger than the limit', 'br', brotliCompressSync(ZEROS), false],
  ['gzip inside of gzip', 'gzip, gzip', gzipSync(gzip), false],
  ['no coding that is known', 'aws-chunked', TEXT, false],
];

it.each(BODIES)(
  'a small body is decoded at once as a stream would decode it: %s',
  async (_, encoding, body, isDecoded) => {
    const decoded = decodeAtOnce(encoding, body, MAX_BYTES);

    expect(decoded !== null).toBe(isDecoded);
    if (decoded) expect(decoded).toEqual(await decodeAsStream(encoding, body));
  },
);

it('a body that grows to just the limit is decoded at once, and not to one byte more', () => {
  const body = gzipSync(ZEROS.subarray(0, 1000));

  expect(decodeAtOnce('gzip', body, 1000)).toHaveLength(1000);
  expect(decodeAtOnce('gzip', body, 999)).toBeNull();
});

it.each(BODIES.filter(([, , , isDecoded]) => isDecoded))(
  'a small body is decoded at once only if every byte of it is there: %s',
  async (_, encoding, body) => {
    for (let length = 0; length < body.length; length += 1) {
      const decoded = decodeAtOnce(encoding, body.subarray(0, length), MAX_BYTES);
      if (decoded) expect(decoded).toEqual(await decodeAsStream(encoding, body.subarray(0, length)));
    }
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
