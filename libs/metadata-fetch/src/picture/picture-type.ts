import { isSvg } from '../document/svg-text.js';

export type PictureType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' | 'image/avif' | 'image/svg+xml';

/** What the first bytes of a file say. */
export interface PictureHeader {
  type: PictureType;
  /** In pixels. null: it has no size of its own (SVG), or its header has none. */
  size: { width: number; height: number } | null;
}

/** What a file is by its content, whatever its server calls it. null: no picture that pages show. */
export function readPictureHeader(body: Uint8Array): PictureHeader | null {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const reader = READERS.find(({ begins }) => begins(bytes));
  if (reader) return { type: reader.type, size: reader.size(bytes) };
  // Compressed and UTF-16 ones are left out: browsers show few of them.
  return isSvg(bytes.toString('utf8', 0, MAX_PROLOG_BYTES)) ? { type: 'image/svg+xml', size: null } : null;
}

/** As many bytes as the search for the root element of an SVG may take. */
const MAX_PROLOG_BYTES = 64 * 1024;

interface Reader {
  type: PictureType;
  begins: (bytes: Buffer) => boolean;
  size: (bytes: Buffer) => PictureHeader['size'];
}

const has = (bytes: Buffer, offset: number, text: string) =>
  bytes.toString('latin1', offset, offset + text.length) === text;

const READERS: readonly Reader[] = [
  { type: 'image/png', begins: (bytes) => has(bytes, 0, '\x89PNG\r\n\x1a\n'), size: sizeOfPng },
  { type: 'image/jpeg', begins: (bytes) => has(bytes, 0, '\xff\xd8\xff'), size: sizeOfJpeg },
  { type: 'image/gif', begins: (bytes) => has(bytes, 0, 'GIF87a') || has(bytes, 0, 'GIF89a'), size: sizeOfGif },
  { type: 'image/webp', begins: (bytes) => has(bytes, 0, 'RIFF') && has(bytes, 8, 'WEBP'), size: sizeOfWebp },
  {
    type: 'image/avif',
    begins: (bytes) => has(bytes, 4, 'ftyp') && /avi[fs]/.test(bytes.toString('latin1', 8, 64)),
    size: sizeOfAvif,
  },
];

/** The first chunk is IHDR. */
function sizeOfPng(bytes: Buffer): PictureHeader['size'] {
  if (bytes.length < 24 || !has(bytes, 12, 'IHDR')) return null;
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** The first frame header: markers before it have a length. */
function sizeOfJpeg(bytes: Buffer): PictureHeader['size'] {
  for (let at = 2; at + 9 <= bytes.length;) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1]!;
    // Fill bytes, and markers without a length.
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (isFrameHeader(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    else at += 2 + Math.max(2, bytes.readUInt16BE(at + 2));
  }
  return null;
}

/** SOF0 to SOF15, without DHT, JPG and DAC. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** The screen, or the first frame if that is larger: browsers make room for it. */
function sizeOfGif(bytes: Buffer): PictureHeader['size'] {
  if (bytes.length < 13) return null;
  const screen = { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  const flags = bytes[10]!;
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  // Extensions are a label and blocks, each with its length; a block of length 0 is the last one.
  while (bytes[at] === 0x21) {
    at += 2;
    while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
    at += 1;
  }
  if (bytes[at] !== 0x2c || at + 9 > bytes.length) return screen;
  const [width, height] = [bytes.readUInt16LE(at + 5), bytes.readUInt16LE(at + 7)];
  return { width: Math.max(screen.width, width), height: Math.max(screen.height, height) };
}

function sizeOfWebp(bytes: Buffer): PictureHeader['size'] {
  if (bytes.length < 30) return null;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    default:
      return null;
  }
}

/** The largest of the sizes that its items have (`ispe` boxes), which the tiles of a grid do not exceed. */
function sizeOfAvif(bytes: Buffer): PictureHeader['size'] {
  let size: PictureHeader['size'] = null;
  for (let at = bytes.indexOf('ispe'); at !== -1 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    const [width, height] = [bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12)];
    if (size === null || width * height > size.width * size.height) size = { width, height };
  }
  return size;
}
