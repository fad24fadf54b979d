import { readPictureHeader } from './picture-type.js';

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const u16be = (...values: number[]) => Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
const u16le = (...values: number[]) => Buffer.from(values.flatMap((value) => [value & 0xff, value >> 8]));
const u32be = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
};
const u24le = (value: number) => Buffer.from([value & 0xff, (value >> 8) & 0xff, value >> 16]);

const PNG = (width: number, height: number) =>
  Buffer.concat([latin1('\x89PNG\r\n\x1a\n'), u32be(13), latin1('IHDR'), u32be(width, height)]);
/** With an application segment and a Huffman table before the frame header. */
const JPEG = (width: number, height: number) =>
  Buffer.concat([
    latin1('\xff\xd8\xff\xe0'),
    u16be(6),
    latin1('JFIF'),
    latin1('\xff\xc4'),
    u16be(4, 0),
    latin1('\xff\xff\xc2'),
    u16be(17),
    latin1('\x08'),
    u16be(height, width),
    Buffer.alloc(10),
  ]);
const GIF = (width: number, height: number, rest = Buffer.alloc(0)) =>
  Buffer.concat([latin1('GIF89a'), u16le(width, height), latin1('\x80\0\0'), Buffer.alloc(6), rest]);
const VP8X = (width: number, height: number) =>
  Buffer.concat([latin1('RIFF\0\0\0\0WEBPVP8X'), Buffer.alloc(8), u24le(width - 1), u24le(height - 1)]);
const VP8 = (width: number, height: number) =>
  Buffer.concat([latin1('RIFF\0\0\0\0WEBPVP8 '), Buffer.alloc(10), u16le(width, height)]);
const VP8L = (width: number, height: number) => {
  const bits = Buffer.alloc(9);
  bits.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0);
  return Buffer.concat([latin1('RIFF\0\0\0\0WEBPVP8L'), Buffer.alloc(4), latin1('/'), bits]);
};
const AVIF = (width: number, height: number) =>
  Buffer.concat([
    u32be(20),
    latin1('ftypavif\0\0\0\0mif1'),
    ...[
      [64, 64],
      [width, height],
    ].flatMap((size) => [u32be(20), latin1('ispe'), u32be(0, ...size)]),
  ]);

it.each<[name: string, of: (width: number, height: number) => Buffer, type: string]>([
  ['PNG', PNG, 'image/png'],
  ['JPEG', JPEG, 'image/jpeg'],
  ['GIF', GIF, 'image/gif'],
  ['WebP with a canvas', VP8X, 'image/webp'],
  ['lossy WebP', VP8, 'image/webp'],
  ['lossless WebP', VP8L, 'image/webp'],
  ['AVIF', AVIF, 'image/avif'],
])('the type and the size of a %s are read from its header', (_, of, type) => {
  expect(readPictureHeader(of(1200, 630))).toEqual({ type, size: { width: 1200, height: 630 } });
});

it('a GIF whose first frame is larger than its screen has the size of that frame', () => {
  const frame = Buffer.concat([latin1('\x21\xf9\x04\0\0\0\0\0\x2c'), u16le(0, 0, 60_000, 60_000)]);

  expect(readPictureHeader(GIF(1, 1, frame))?.size).toEqual({ width: 60_000, height: 60_000 });
});

it.each([
  '<svg xmlns="http://www.w3.org/2000/svg"/>',
  '\uFEFF<?xml version="1.0"?><!-- a ship --><svg>',
  '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n<svg>',
])('%j is an SVG, which has no size of its own', (text) => {
  expect(readPictureHeader(Buffer.from(text))).toEqual({ type: 'image/svg+xml', size: null });
});

it.each([
  '<!doctype html><svg>',
  '<html><body><svg/></body></html>',
  '{"image":"x.png"}',
  '%PDF-1.7',
  '\0\0\0 ftypmp42',
  'BM',
  '',
])('%j is no picture', (text) => {
  expect(readPictureHeader(latin1(text))).toBeNull();
});

it.each([PNG, JPEG, GIF, VP8X, VP8, VP8L, AVIF])(
  'a header that is cut off anywhere has no size, and ends no loop late (%#)',
  (of) => {
    const whole = of(1200, 630);
    for (let length = 0; length < whole.length; length += 1) {
      const size = readPictureHeader(whole.subarray(0, length))?.size ?? null;
      expect(size === null || size.width <= 1200).toBe(true);
    }
  },
);

it('a JPEG of nothing but fill bytes, and one whose segments have no length, end', () => {
  const fill = Buffer.concat([latin1('\xff\xd8'), Buffer.alloc(100_000, 0xff)]);
  expect(readPictureHeader(fill)).toMatchObject({ type: 'image/jpeg', size: null });
  expect(readPictureHeader(Buffer.concat([latin1('\xff\xd8\xff\xe0'), Buffer.alloc(1000)]))?.size).toBeNull();
});
