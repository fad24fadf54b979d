import { parseDataUri } from './data-uri.js';

const textOf = (uri: string) => {
  const data = parseDataUri(uri);
  return data && Buffer.from(data.body).toString('utf8');
};
const cid = `Qm${'a'.repeat(44)}`;
const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

describe('data: URIs', () => {
  it.each([
    ['base64 [B1]', `data:application/json;base64,${base64('{"name": "lamp"}')}`, '{"name": "lamp"}'],
    ['base64 with blanks around the JSON [B2]', `data:application/json;base64,${base64(' {"a": 1} ')}`, ' {"a": 1} '],
    [
      'base64 of accents and emoji [B3]',
      `data:application/json;base64,${base64('{"a":"naïf 🦊"}')}`,
      '{"a":"naïf 🦊"}',
    ],
    ['base64 without padding [B4]', 'data:application/json;base64,eyJhIjoxfQ', '{"a":1}'],
    ['base64 of the URL-safe alphabet [B4]', 'data:application/json;base64,eyJhIjoiPz8_Pz4-In0', '{"a":"????>>"}'],
    ['base64 with line breaks [B4]', 'data:application/json;base64,eyJh\r\nIjox\n fQ==', '{"a":1}'],
    ['base64 with encoded padding [B4]', 'data:application/json;base64,eyJhIjoxfQ%3D%3D', '{"a":1}'],
    ['utf8 with apostrophes [B6]', `data:application/json;utf8,{"a":"it's"}`, `{"a":"it's"}`],
    ['raw JSON [B7]', 'data:application/json,{"a":"b, c"}', '{"a":"b, c"}'],
    ['percent-encoded JSON [B8]', 'data:application/json,%7B%22a%22%3A%20%22b%22%7D', '{"a": "b"}'],
    ['percent-encoded UTF-8 [B8]', 'data:application/json,%7B%22a%22%3A%22%C3%A9%22%7D', '{"a":"é"}'],
    ['raw JSON with %20 in a string [B9]', 'data:application/json,{"a":"blue%20door"}', '{"a":"blue door"}'],
    ['a bare % [B10]', 'data:application/json,{"a":"100% real, 5%z"}', '{"a":"100% real, 5%z"}'],
    ['a raw # [B11]', 'data:application/json,{"a":"fill=#fff"}', '{"a":"fill=#fff"}'],
    ['a raw + [B11]', 'data:application/json,{"a":"1+1"}', '{"a":"1+1"}'],
    ['a charset before base64 [B12]', 'data:application/json;charset=utf-8;base64,eyJhIjoxfQ==', '{"a":1}'],
    ['no media type', 'data:,{"a":1}', '{"a":1}'],
    ['an upper-case scheme', 'DATA:application/json;BASE64,eyJhIjoxfQ==', '{"a":1}'],
  ])('a data: URI is decoded: %s', (_, uri, text) => {
    expect(textOf(uri)).toBe(text);
  });

  it('a data: URI keeps the percent signs of an encoded image in raw JSON, since decoding would end the string', () => {
    const json = '{"image":"data:image/svg+xml,%3Csvg width=%22 9%22%3E"}';

    expect(textOf(`data:application/json,${json}`)).toBe(json);
  });

  it.each([
    ['an address', '{"name":"A","image":"https://f.example/o/nft%2F1.png?alt=media"}'],
    ['a signed address', '{"name":"A","image":"https://f.example/1?sig=ab%2Bcd%3D%26x&z=1"}'],
    ['a path in IPFS', `{"image":"/ipfs/${cid}/Fox%2F1.png"}`],
    ['a CID and a path', `{"image":"${cid}/Fox%20%231.png"}`],
    ['content at a host without a scheme', `{"image":"f.example/ipfs/${cid}/a%252Fb%23.png"}`],
    ['a link without a scheme', '{"external_url":"www.h.example/a%2Fb"}'],
    ['a link of a host and a path', '{"external_url":"h.example/a%2Fb"}'],
    ['a picture', `{"image":"data:image/svg+xml;utf8,<svg><rect fill='%23ff0000'/></svg>"}`],
    ['a text with an address in it', '{"description":"See https://f.example/a%2Fb for more"}'],
  ])('a data: URI keeps the percent signs in raw JSON that belong to %s (A1)', (_, json) => {
    expect(textOf(`data:application/json;utf8,${json}`)).toBe(json);
  });

  it.each([
    [
      'a list',
      '[{"image":"https://f.example/o/nft%2F1.png","name":"%2522"}]',
      '[{"image":"https://f.example/o/nft%2F1.png","name":"%22"}]',
    ],
    [
      'a text that contains JSON',
      JSON.stringify('{"image":"https://f.example/a%2Fb"}'),
      JSON.stringify('{"image":"https://f.example/a%2Fb"}'),
    ],
    [
      'JSON as the text of a field',
      JSON.stringify({ attributes: '[{"trait_type":"Link","value":"https://f.example/a%2Fb"},{"value":"1%23"}]' }),
      JSON.stringify({ attributes: '[{"trait_type":"Link","value":"https://f.example/a%2Fb"},{"value":"1#"}]' }),
    ],
    [
      'an attribute of SVG',
      JSON.stringify({
        image_data: `<svg fill='%23f00'><image href='https://f.example/a%2Fb?c=%26'/><a href="data:,%25"/></svg>`,
      }),
      JSON.stringify({
        image_data: `<svg fill='#f00'><image href='https://f.example/a%2Fb?c=%26'/><a href="data:,%25"/></svg>`,
      }),
    ],
    [
      'SVG that is encoded as a whole',
      JSON.stringify({ image_data: '%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E' }),
      JSON.stringify({ image_data: '<svg xmlns="http://www.w3.org/2000/svg"/>' }),
    ],
  ])('a data: URI decodes raw JSON text by text, and keeps the URLs in %s (A1)', (_, json, decoded) => {
    expect(JSON.parse(textOf(`data:application/json,${json}`)!)).toEqual(JSON.parse(decoded));
  });

  it.each(['\ufeff', '\u00a0', '\u200b', '\n\0'])(
    'a data: URI keeps the URLs of raw JSON after the invisible character %j, too (A1)',
    (blank) => {
      const json = '{"image":"https://f.example/o/nft%2F1.png","name":"1%23"}';

      expect(textOf(`data:application/json;utf8,${blank}${json}`)).toBe(json.replace('%23', '#'));
    },
  );

  it('a data: URI keeps the percent signs of a data: URI inside it, which are decoded with that one (A1)', () => {
    const inner = 'data:application/json;utf8,{"image":"https://f.example/o/nft%2F1.png"}';

    expect(textOf(`data:text/plain,${inner}`)).toBe(inner);
    expect(textOf(`data:text/plain,${encodeURIComponent(inner)}`)).toBe(inner);
  });

  it('a data: URI decodes percent signs in texts and SVG of raw JSON (A1)', () => {
    const json = `{"name":"Fox %231 %22A%22 %E2%9C%93 %ff","image_data":"<svg xmlns='http://www.w3.org/2000/svg' fill='%23f00'/>"}`;

    expect(JSON.parse(textOf(`data:application/json;utf8,${json}`)!)).toEqual({
      // Escapes that do not decode to UTF-8 are kept.
      name: 'Fox %231 %22A%22 %E2%9C%93 %ff',
      image_data: "<svg xmlns='http://www.w3.org/2000/svg' fill='#f00'/>",
    });
    expect(JSON.parse(textOf('data:application/json;utf8,{"name":"Fox %231 %22A%22 %E2%9C%93"}')!)).toEqual({
      name: 'Fox #1 "A" ✓',
    });
  });

  it.each([
    ['raw JSON', '{"name":"A"}'],
    ['percent-encoded JSON', '%7B%22name%22%3A%22A%22%7D'],
  ])('a data: URI that declares base64 may contain %s (U16)', (_, payload) => {
    expect(textOf(`data:application/json;base64,${payload}`)).toBe('{"name":"A"}');
  });

  it('a data: URI has a content type in the form of a header', () => {
    expect(parseDataUri('data:Text/Plain;charset=latin1,a')).toMatchObject({
      mediaType: 'text/plain',
      contentType: 'text/plain; charset=latin1',
    });
  });

  it.each([
    ['base64 garbage [B5]', 'data:application/json;base64,@@@'],
    ['base64 cut in the middle [B5]', 'data:application/json;base64,eyJhI'],
    ['no comma [B15]', 'data:application/json'],
    ['another scheme', 'https://host.example/,'],
  ])('a data: URI is invalid: %s', (_, uri) => {
    expect(parseDataUri(uri)).toBeNull();
  });
});
