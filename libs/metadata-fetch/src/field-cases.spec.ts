import { readDocument } from './document/read-document.js';
import { parseGateways } from './uri/gateways.js';
import { locateMetadata } from './uri/token-uri.js';

/** Cases of docs/reference/field-cases.md that are about a token URI together with its document. */

const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });
const base64 = (text: string) => Buffer.from(text).toString('base64');
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" fill="red"/>';

/** Reads the document inside of a token URI. */
function readTokenUri(uri: string, tokenId = '5') {
  const found = locateMetadata(uri, { tokenId }, gateways);
  if (found.kind !== 'document') throw new Error(`no document: ${JSON.stringify(found)}`);
  return readDocument({ ...found, tokenId, gateways, acceptsMedia: true });
}

/** Reads the body of a response. */
const read = (body: string) =>
  readDocument({
    body: Buffer.from(body),
    contentType: 'application/json',
    url: 'https://host.example/5',
    tokenId: '5',
    gateways,
    acceptsMedia: true,
  });

it('{id} in a token URI may make the digits of a base16 CID (U9)', () => {
  expect(locateMetadata('ipfs://f01551220{id}', { tokenId: '5', standard: 'erc1155' }, gateways)).toMatchObject({
    uri: `ipfs://f01551220${'0'.repeat(63)}5`,
  });
});

it.each([
  ['https://bücher.example/1', 'https://xn--bcher-kva.example/1'],
  ['https://host.example/é/1', 'https://host.example/%C3%A9/1'],
  ['HTTPS://host.example/1', 'https://host.example/1'],
  ['https://[2001:db8::1]/1', 'https://[2001:db8::1]/1'],
  ['https://host.example:443/1', 'https://host.example/1'],
  ['"https://host.example/1"', 'https://host.example/1'],
  ['https://host.example/0x{id}', `https://host.example/0x${'0'.repeat(63)}5`],
])('the token URI %s is requested as the URL standard and ERC-1155 have it (U20)', (uri, url) => {
  expect(locateMetadata(uri, { tokenId: '5', standard: 'erc1155' }, gateways)).toMatchObject({ uri: url });
});

it('text art in a data: URI is not a document (A2)', () => {
  expect(readTokenUri('data:text/plain;charset=utf-8,..|/-\\|..')).toEqual({
    kind: 'undecodable',
    reason: 'invalid_json',
  });
});

it.each([
  `data:image/svg+xml;base64,${base64(SVG)}`,
  `data:image/svg+xml,${SVG}`,
  `data:image/svg+xml;utf8,${encodeURIComponent(SVG)}`,
])('SVG as a token URI is the image of the token: %s (A3)', (uri) => {
  expect(readTokenUri(uri)).toMatchObject({
    metadata: { imageUrl: `data:image/svg+xml;base64,${base64(SVG)}`, warnings: ['media_instead_of_document'] },
  });
});

it.each([
  ['BASE64 in capitals', `data:application/json;BASE64,${base64('{"name":"A"}')}`],
  ['a space after the comma', 'data:application/json, {"name":"A"}'],
  ['a charset before base64', `data:application/json;charset=utf-8;base64,${base64('{"name":"A"}')}`],
  [
    'a data: URI inside',
    `data:text/plain,${encodeURIComponent(`data:application/json;base64,${base64('{"name":"A"}')}`)}`,
  ],
  ['JSON inside a JSON text', `data:application/json,${JSON.stringify('{"name":"A"}')}`],
])('a data: URI is read with %s (A4)', (_, uri) => {
  expect(readTokenUri(uri)).toMatchObject({ kind: 'read', metadata: { name: 'A' } });
});

it('a trait in properties keeps its display type and its maximum (D8)', () => {
  expect(read('{"name":"A","properties":{"Level":{"value":3,"display_type":"number","max_value":9}}}')).toMatchObject({
    metadata: { attributes: [{ traitType: 'Level', value: 3, displayType: 'number', maxValue: 9 }] },
  });
});

it('SVG of 64 KB in image_data becomes a base64 image (D11)', () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg"><path d="${'M1 1'.repeat(16_384)}"/></svg>`;

  expect(read(JSON.stringify({ name: 'A', image_data: svg }))).toMatchObject({
    metadata: { imageUrl: `data:image/svg+xml;base64,${base64(svg)}` },
  });
});

it('HTML in a data: URI is not shown as an animation, and stays in the document (D13)', () => {
  const animation = `data:text/html;base64,${base64('<b>A</b>')}`;

  expect(read(JSON.stringify({ name: 'A', animation_url: animation }))).toMatchObject({
    metadata: {
      animationUrl: null,
      raw: expect.stringContaining(animation) as string,
      warnings: ['unsafe_animation_url'],
    },
  });
});

it.each(['color', 'boolean', 'boost', 'percentage', 'datetime'])(
  'the display type %s of HIP-412 is kept (D14)',
  (type) => {
    const attributes = [{ trait_type: 'T', value: '1', display_type: type }];

    expect(read(JSON.stringify({ name: 'A', attributes }))).toMatchObject({
      metadata: { attributes: [{ traitType: 'T', displayType: type }] },
    });
  },
);

it('an escaped slash in a URL is a slash (D15)', () => {
  expect(read('{"name":"A","image":"https:\\/\\/host.example\\/1.png"}')).toMatchObject({
    metadata: { imageUrl: 'https://host.example/1.png' },
  });
});

it('the list of a whole collection is not the document of a token (D16)', () => {
  expect(read('[{"name":"#25"},{"name":"#26"}]')).toEqual({ kind: 'undecodable', reason: 'wrong_type' });
});

it.each(['{"name":"a\nb"}', '{"name":NaN}', "{'name':'A'}", '{"name":"A",}', '{"name":"A"/**/}'])(
  'JSON is read strictly: %j is refused (D18, D27)',
  (body) => {
    expect(read(body)).toEqual({ kind: 'undecodable', reason: 'invalid_json' });
  },
);

it('numbers are exact, and those out of range become text (D19)', () => {
  const values = ['0.1', '-0.5', '1.8e308'];
  const body = `{"name":"A","attributes":[${values.map((value) => `{"trait_type":"T","value":${value}}`).join(',')}]}`;

  expect(read(body)).toMatchObject({
    metadata: { attributes: [{ value: 0.1 }, { value: -0.5 }, { value: '1.8e308' }] },
  });
});

it('the query of an image in IPFS is kept, and spaces in an image are encoded (D20)', () => {
  const cid = `Qm${'a'.repeat(44)}`;
  const imageOf = (image: string) => read(JSON.stringify({ name: 'A', image }));

  expect(imageOf(`ipfs://${cid}/1.png?v=2`)).toMatchObject({
    metadata: { imageUrl: `https://gw.example/ipfs/${cid}/1.png?v=2` },
  });
  expect(imageOf('https://host.example/my fox.png')).toMatchObject({
    metadata: { imageUrl: 'https://host.example/my%20fox.png' },
  });
});
