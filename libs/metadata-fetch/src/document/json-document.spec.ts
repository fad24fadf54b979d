import { decodeDocument } from './json-document.js';

const decode = (body: string | Uint8Array, contentType: string | null = 'application/json') =>
  decodeDocument(typeof body === 'string' ? Buffer.from(body, 'utf8') : body, contentType);
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));
const nested = (depth: number) => `{"name":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
const nameOf = (body: Uint8Array, contentType: string | null) => {
  const decoded = decode(body, contentType);
  return decoded.kind === 'document' ? [decoded.document.name, decoded.warnings] : decoded;
};
const lamp = '{"name":"Lamp"}';
const prolog = '<?xml version="1.0"?>\n<!-- made by hand --><!DOCTYPE svg PUBLIC "a" "b">';

describe('JSON objects', () => {
  it.each([
    ['plain [C1]', lamp, 'application/json'],
    ['after a byte order mark [C2]', `\ufeff${lamp}`, 'application/json'],
    ['with white space around [C3]', `\n\t\r ${lamp} \r\n`, 'application/json'],
    ['with NULs after it', `${lamp}\0\0`, 'application/json'],
    ['as text/plain [C4]', lamp, 'text/plain'],
    ['as application/octet-stream [C4]', lamp, 'application/octet-stream'],
    ['without a type [C4]', lamp, null],
    ['with a charset [C4]', lamp, 'application/json; charset=utf-8'],
    ['as JSON-LD', lamp, 'application/ld+json'],
    ['after two byte order marks (D25)', `\ufeff\ufeff${lamp}`, 'application/json'],
    ['after a line break and a byte order mark (D25)', `\r\n\ufeff ${lamp}`, 'application/json'],
    ['before a no-break space (D26)', `${lamp}\u00a0`, 'application/json'],
    ['with wide spaces and control characters around (D26)', `\u2003\x1b${lamp}\u3000\x7f\u200b`, 'application/json'],
  ])('a JSON object is a document: %s', (_, body, contentType) => {
    expect(decode(body, contentType)).toEqual({
      kind: 'document',
      document: { name: 'Lamp' },
      raw: lamp,
      warnings: [],
    });
  });

  it.each(['text/html', 'image/png', 'application/xml'])(
    'a JSON object is a document with a warning if it is declared as %s',
    (type) => {
      expect(decode(lamp, type)).toMatchObject({ kind: 'document', raw: lamp, warnings: ['unexpected_media_type'] });
    },
  );

  it('a JSON object is a document with a warning if it is encoded as JSON twice, but not more often (D9)', () => {
    const twice = JSON.stringify(lamp);

    expect(decode(`\ufeff${twice}\n`)).toMatchObject({ kind: 'document', raw: lamp, warnings: ['encoded_twice'] });
    expect(decode(twice, 'image/png')).toMatchObject({ kind: 'document', raw: lamp });
    expect(decode(JSON.stringify(` \0${lamp}\0`))).toMatchObject({ kind: 'document', document: { name: 'Lamp' } });
    expect(decode(JSON.stringify(twice))).toEqual({ kind: 'undecodable', reason: 'wrong_type' });
    expect(decode(JSON.stringify('[1]'))).toEqual({ kind: 'undecodable', reason: 'wrong_type' });
    expect(decode(JSON.stringify('{oops'))).toEqual({ kind: 'undecodable', reason: 'invalid_json' });
  });

  it('a JSON object in a data: URI is a document, one level deep [C13]', () => {
    const uri = `data:application/json;base64,${Buffer.from(lamp).toString('base64')}`;

    expect(decode(uri, 'text/plain')).toMatchObject({ kind: 'document', raw: lamp });
    expect(decode(`data:text/plain,${uri}`)).toMatchObject({ kind: 'undecodable', reason: 'invalid_json' });
  });
});

describe('bodies that are not metadata', () => {
  it.each([
    ['text before the JSON [C5]', `oops\n${lamp}`, 'invalid_json'],
    ['text after the JSON', `${lamp} oops`, 'invalid_json'],
    ['JSON that was cut off [C25]', '{"name":"Lam', 'invalid_json'],
    ['a web page [C6]', '<!doctype html><html><body>Slow down</body></html>', 'not_json'],
    ['nothing [C7]', '', 'empty_body'],
    ['blanks [C7]', ' \n\0', 'empty_body'],
    ['null [C8]', 'null', 'wrong_type'],
    ['a string [C8]', '"x"', 'wrong_type'],
    ['a number [C8]', '123', 'wrong_type'],
    ['a number of many digits [C8]', '12345678901234567890', 'wrong_type'],
    ['a boolean [C8]', 'true', 'wrong_type'],
    ['a list [C9]', '[{"name":"a"}]', 'wrong_type'],
    ['an empty object [C10] [G6]', '{}', 'empty_metadata'],
    ['an error message [C11]', '{"error":"not found"}', 'no_known_fields'],
    ['a message [C11]', '{"message":"Internal server error"}', 'no_known_fields'],
    ['problem details [C11]', '{"type":"about:blank","title":"Not Found","status":404}', 'no_known_fields'],
    ['known fields that are all null', '{"name":null,"image":null}', 'no_known_fields'],
    ['a wrapper [C30]', '{"status":"ok","result":{"data":{"name":"a"}}}', 'no_known_fields'],
    ['trailing commas [C12]', '{"name":"a",}', 'invalid_json'],
    ['comments [C12]', '{"name":"a"/* b */}', 'invalid_json'],
    ['single quotes [C12]', "{'name':'a'}", 'invalid_json'],
    ['a bad data: URI', 'data:application/json;base64,@@', 'invalid_data_uri'],
    ['gzip in gzip', bytes([0x1f, 0x8b, 0x08, 0x00]), 'invalid_encoding'],
  ])('a body is undecodable: %s', (_, body, reason) => {
    expect(decode(body)).toEqual({ kind: 'undecodable', reason });
  });
});

describe('media at a token URI', () => {
  it.each([
    ['PNG bytes [C14]', bytes([0x89], 'PNG\r\n', [0x1a, 0x0a, 0]), 'image/png', 'image/png'],
    [
      'PNG bytes without a type [L6]',
      bytes([0x89], 'PNG\r\n', [0x1a, 0x0a, 0]),
      'application/octet-stream',
      'image/png',
    ],
    ['an MP4 film [C15]', bytes([0, 0, 0, 24], 'ftypisom'), 'video/mp4', 'video/mp4'],
    ['a picture declared as a film [L3]', bytes([0x89], 'PNG\r\n', [0x1a, 0x0a, 0]), 'video/mp4', 'image/png'],
    ['a film declared as a picture [L3]', bytes([0, 0, 0, 24], 'ftypisom'), 'image/png', 'video/mp4'],
    ['a sound in a container of films', bytes([0, 0, 0, 24], 'ftypisom'), 'audio/mp4', 'audio/mp4'],
    ['a GIF [L5]', bytes('GIF89a'), null, 'image/gif'],
    ['WebP', bytes('RIFF', [1, 2, 3, 4], 'WEBP'), null, 'image/webp'],
    ['a 3D model [L5]', bytes('glTF', [2, 0, 0, 0]), null, 'model/gltf-binary'],
    ['SVG text [L5]', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml', 'image/svg+xml'],
    [
      'SVG text after a mark, a declaration, a comment and a type',
      `\ufeff\n${prolog}<svg/>`,
      'image/svg+xml',
      'image/svg+xml',
    ],
    ['a format that only its type names [L4]', bytes('BM', [0xff, 1]), 'image/bmp', 'image/bmp'],
  ])('a body is media: %s', (_, body, contentType, mediaType) => {
    expect(decode(body, contentType)).toEqual({ kind: 'media', mediaType });
  });

  it.each([
    ['SVG as a byte stream [L7]', '<svg/>', 'application/octet-stream', 'not_json'],
    ['a web page as a byte stream [L7]', '<html></html>', 'application/octet-stream', 'not_json'],
    ['a web page declared as a picture', '<html></html>', 'image/png', 'not_json'],
    ['a message declared as a picture (H12)', 'Not found\n', 'image/png', 'invalid_json'],
    ['a list declared as a film (H12)', '[{"name":"Lamp"}]', 'video/mp4', 'wrong_type'],
    ['a number declared as a sound (H12)', '404', 'audio/mpeg', 'wrong_type'],
    ['a web page declared as SVG', '<?xml version="1.0"?><html></html>', 'image/svg+xml', 'not_json'],
    ['a PDF [L5]', '%PDF-1.7', 'application/pdf', 'invalid_json'],
    ['a text [L5]', 'Lamp', 'text/plain', 'invalid_json'],
  ])('a body is not media: %s', (_, body, contentType, reason) => {
    expect(decode(body, contentType)).toEqual({ kind: 'undecodable', reason });
  });
});

describe('characters', () => {
  const latin1 = bytes('{"name":"S\xe9rgio"}');
  const utf8 = Buffer.from('{"name":"Sérgio"}', 'utf8');
  const utf16 = Buffer.from('\ufeff{"name":"Sérgio"}', 'utf16le');

  it.each([
    ['declared Latin-1 [C16]', latin1, 'application/json; charset=ISO-8859-1'],
    ['declared Latin-1, quoted [C16]', latin1, 'application/json; charset="iso-8859-1"'],
    ['UTF-8 declared as Latin-1 [C16]', utf8, 'application/json; charset=iso-8859-1'],
    ['undeclared UTF-8', utf8, null],
    ['UTF-16 with its mark', utf16, null],
    ['UTF-16 without a mark', utf16.subarray(2), 'application/json'],
    ['UTF-16 of the other byte order', Buffer.from(utf16).swap16(), 'application/json'],
  ])('the characters of a body are decoded: %s', (_, body, contentType) => {
    expect(nameOf(body, contentType)).toEqual(['Sérgio', []]);
  });

  it('bytes that are not UTF-8 become U+FFFD with a warning [C17]', () => {
    expect(nameOf(latin1, null)).toEqual(['S\ufffdrgio', ['invalid_utf8']]);
    expect(nameOf(latin1, 'application/json; charset=klingon')).toEqual([
      'S\ufffdrgio',
      ['unknown_charset', 'invalid_utf8'],
    ]);
  });

  it('U+FFFD that the server itself sent gives no warning', () => {
    expect(nameOf(Buffer.from('{"name":"\ufffd"}'), null)).toEqual(['\ufffd', []]);
  });

  it('characters of a body can be stored: NULs and lone surrogates become U+FFFD, also in keys [C18] [C19]', () => {
    expect(decode(String.raw`{"name":"a\u0000b","k\u0000":"\ud83e!","ok":"\ud83e\udd8a \\u0000"}`)).toEqual({
      kind: 'document',
      document: { name: 'a\ufffdb', 'k\ufffd': '\ufffd!', ok: '🦊 \\u0000' },
      shown: { name: 'a\ufffdb', k: '\ufffd!', ok: '🦊 \\u0000' },
      raw: String.raw`{"name":"a\ufffdb","k\ufffd":"\ufffd!","ok":"\ud83e\udd8a \\u0000"}`,
      warnings: ['replaced_characters'],
    });
  });
});

describe('bounds', () => {
  it('a document may have 64 levels [C26]', () => {
    expect(decode(nested(64))).toMatchObject({ kind: 'document' });
    expect(decode(nested(65))).toEqual({ kind: 'undecodable', reason: 'too_deep' });
    expect(decode(nested(100_000))).toEqual({ kind: 'undecodable', reason: 'too_deep' });
    expect(decode('{"name":'.repeat(100_000))).toEqual({ kind: 'undecodable', reason: 'too_deep' });
  });

  it('the levels of a document do not include brackets in strings [C26]', () => {
    expect(decode(`{"name":"${'['.repeat(500)}\\"${'{'.repeat(500)}\\\\","image":""}`)).toMatchObject({
      kind: 'document',
    });
  });

  it('a document may have 50,000 values', () => {
    expect(decode(`{"name":"a","x":[${'1,'.repeat(49_000)}1]}`)).toMatchObject({ kind: 'document' });
    expect(decode(`{"name":"a","x":[${'1,'.repeat(51_000)}1]}`)).toEqual({ kind: 'undecodable', reason: 'too_deep' });
  });
});

describe('keys', () => {
  it('the keys of a document are kept as data, the last one of each name [C27]', () => {
    const decoded = decode(
      '{"name":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"name":"b"}',
    );

    expect(decoded).toMatchObject({ kind: 'document', document: { name: 'b' } });
    expect(Object.prototype).not.toHaveProperty('polluted');
    expect(decoded.kind === 'document' && Object.getPrototypeOf(decoded.document)).toBe(Object.prototype);
  });

  it.each([
    ['in an object', '{"polluted":12345678901234567890}'],
    ['by themselves', '12345678901234567890'],
  ])('the keys of a document are kept as data before numbers of many digits, %s [C27] [C28]', (_, value) => {
    const decoded = decode(`{"name":"a","__proto__":${value}}`);

    expect(decoded.kind === 'document' && Object.getPrototypeOf(decoded.document)).toBe(Object.prototype);
    expect(decoded.kind === 'document' && Object.hasOwn(decoded.document, '__proto__')).toBe(true);
    expect(decoded.kind === 'document' && 'polluted' in decoded.document).toBe(false);
  });
});
