import { parseGateways } from '../uri/gateways.js';
import { readDocument, type DocumentToRead } from './read-document.js';

const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });
const svg = '<svg xmlns="http://www.w3.org/2000/svg" fill="#fff"/>';
const svgUri = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
const url = 'https://host.example/1';
const cid = `Qm${'a'.repeat(44)}`;

const read = (body: string, rest: Partial<DocumentToRead> = {}) =>
  readDocument({
    body: Buffer.from(body),
    contentType: 'application/json',
    url,
    tokenId: '10',
    gateways,
    acceptsMedia: true,
    ...rest,
  });

it('a document is decoded and normalised', () => {
  expect(read('{"name":" Lamp "}')).toMatchObject({ kind: 'read', metadata: { name: 'Lamp' } });
  expect(read('<html>')).toEqual({ kind: 'undecodable', reason: 'not_json' });
});

describe('documents with something to show', () => {
  it.each([
    ['a name', { name: 'Lamp' }],
    ['a name that is a number', { name: 7 }],
    ['a description', { description: 'It glows.' }],
    ['an image', { image: 'https://host.example/1.png' }],
    ['an image in IPFS', { image: `ipfs://${cid}` }],
    ['an image that is SVG text', { image_data: svg }],
    ['an animation', { animation_url: 'https://host.example/1.mp4' }],
    ['a trait', { attributes: [{ trait_type: 'Hat', value: 'Red' }] }],
    ['a trait that is false', { traits: { Shiny: false } }],
    ['a trait in properties', { properties: { Hat: 'Red' } }],
    ['a title beside a field of metadata', { title: 'Lamp', image: '' }],
    ['a status that is no error', { name: 'Lamp', status: 'minted', code: 7 }],
    ['an image beside an error status', { name: 'Lamp', image: 'https://host.example/1.png', status: 404 }],
    ['an empty error (D30)', { name: 'Lamp', error: '' }],
    ['an error that is false (D30)', { name: 'Lamp', error: false }],
    ['an error that is "null" (D30)', { name: 'Lamp', error: 'null' }],
    ['an empty list of errors (D30)', { name: 'Lamp', errors: [], stack: {} }],
  ])('a document with something to show is read: %s', (_, document) => {
    expect(read(JSON.stringify(document))).toMatchObject({ kind: 'read' });
  });
});

describe('documents with nothing to show', () => {
  it.each([
    ['a number for an image', { image: 5 }],
    ['an empty image', { image: '' }],
    ['no attributes', { attributes: [] }],
    ['an empty map of attributes', { attributes: {} }],
    ['an empty name and an empty image', { name: '', image: '' }],
    ['an empty name', { name: '' }],
    ['a blank name', { name: ' \n' }],
    ['a name of NULs', { name: '\0\0' }],
    ['a name that cannot be seen', { name: '\u200b' }],
    ['null and undefined as texts', { name: 'undefined', image: 'null' }],
    ['false for what is missing, as PHP writes it', { name: false, image: false, attributes: false }],
    ['an object for a name', { name: { en: 'Lamp' } }],
    ['attributes without values', { attributes: [{ trait_type: 'Hat' }, null] }],
    ['a trait with an empty list for a value', { attributes: { Hat: [] } }],
    ['a trait without a name and with an empty value', { attributes: [{ value: '' }] }],
    ['an image that cannot be shown', { image: '/1.png' }],
    ['an image that is unsafe', { image: 'javascript:alert(1)' }],
    ['only a link', { external_url: 'https://host.example/1' }],
    ['only a link to YouTube', { youtube_url: 'https://www.youtube.com/watch?v=1' }],
    ['only a colour', { background_color: 'ffffff' }],
    ['only decimals', { decimals: 18 }],
    ['only translations', { localization: { uri: 'https://host.example/{locale}.json' } }],
    ['only files', { properties: { files: [{ uri: 'https://host.example/1.png' }] } }],
    ['only a title', { title: 'Lamp' }],
    ...['\u200d', '\u200e', '\u3164', '\u2800', '\u00ad', '\u200d \ufe0f\u2800'].map((name): [string, object] => [
      `a name of only ${JSON.stringify(name).replace(/[^ -~]/g, (unit) => `U+${unit.charCodeAt(0).toString(16)}`)} (D28)`,
      { name, description: name, attributes: [{ trait_type: 'Hat', value: name }] },
    ]),
    ['"undefined" and "null" as traits (D31)', { attributes: { Hat: 'undefined', Eyes: 'null' } }],
    ['an empty PNG in base64 (D31)', { image: 'data:image/png;base64,' }],
    ['an empty SVG in base64 (D31)', { image: 'data:image/svg+xml;base64,' }],
    ['an empty SVG as text (D31)', { image: 'data:image/svg+xml;utf8,' }],
    ['a blank SVG as text (D31)', { image_data: 'data:image/svg+xml,%20%0a' }],
    ['an empty film (D31)', { animation_url: 'data:video/mp4;base64,' }],
    ['an image without a comma (D31)', { image: 'data:image/svg+xml;' }],
    ['a named error [C11]', { name: 'NotFound', message: 'No such token', code: 404 }],
    ['an error whose status is text', { name: 'Error', description: 'Not found', statusCode: '404' }],
    ['an error that says so as its status', { name: 'Error', status: 'error' }],
    ['an error without success', { name: 'NotFoundError', message: 'x', success: false }],
    ['an error with a status_code (D30)', { name: 'Error', status_code: 404 }],
    ['an error with an errorCode (D30)', { name: 'Error', errorCode: 404 }],
    ['an error with an httpStatus (D30)', { name: 'Error', httpStatus: 404 }],
    ['an error with a blank image (D30)', { name: 'NotFound', description: 'x', code: 404, image: ' ' }],
    ['an error with "null" as its image (D30)', { name: 'NotFound', description: 'x', code: 404, image: 'null' }],
    ['an error with 0 as its image (D30)', { name: 'NotFound', description: 'x', code: 404, image: 0 }],
    ['an error with decimals (D30)', { name: 'NotFound', description: 'x', code: 404, decimals: 0 }],
    ['an error with an empty trait (D30)', { name: 'NotFound', description: 'x', code: 404, attributes: [{}] }],
    ['an error with an empty image', { name: 'NotFound', description: 'No such token', image: '', code: 404 }],
  ])('a document with nothing to show is undecodable, so that it does not replace the record: %s', (_, document) => {
    expect(read(JSON.stringify(document))).toEqual({ kind: 'undecodable', reason: 'no_known_fields' });
  });
});

describe('{id} in documents', () => {
  const document = '{"name":"Lamp {id}","image":"https://host.example/{id}.png"}';
  const hex = 'a'.padStart(64, '0');

  it('{id} in a document becomes the token id if the contract is ERC-1155 [A19]', () => {
    expect(read(document, { standard: 'erc1155' })).toMatchObject({
      metadata: { name: `Lamp ${hex}`, imageUrl: `https://host.example/${hex}.png`, raw: document },
    });
  });

  it.each([undefined, 'erc721' as const])('{id} in a document is kept for other standards: %s', (standard) => {
    expect(read(document, { standard })).toMatchObject({ metadata: { name: 'Lamp {id}' } });
  });
});

describe('media instead of documents', () => {
  it.each([
    ['a picture', Buffer.from('89504e470d0a1a0a', 'hex'), 'image/png'],
    ['a picture without a type', Buffer.from('89504e470d0a1a0a', 'hex'), null],
    ['SVG text', Buffer.from(svg), 'image/svg+xml'],
    ['a film', Buffer.from('000000186674797069736f6d', 'hex'), 'video/mp4'],
    ['a data: URI of a picture', Buffer.from(svgUri), 'text/plain'],
  ])('media instead of a document is undecodable where only a document is accepted: %s', (_, body, contentType) => {
    expect(read('', { body, contentType, acceptsMedia: false })).toEqual({
      kind: 'undecodable',
      reason: 'media_instead_of_document',
    });
  });

  it('media instead of a document is shown from its own URL [C14]', () => {
    expect(read(svg, { contentType: 'image/svg+xml' })).toMatchObject({ metadata: { imageUrl: url } });
  });

  it('media instead of a document is shown as a data: URI if the token URI is one [B14]', () => {
    expect(read(svg, { contentType: 'image/svg+xml', url: 'data:image/svg+xml;utf8,…' })).toMatchObject({
      metadata: { imageUrl: svgUri, imageOriginal: svgUri, warnings: ['media_instead_of_document'] },
    });
  });

  it('media instead of a document is shown as a data: URI if the body is one [B14, C13]', () => {
    expect(read(svgUri, { contentType: 'text/plain' })).toMatchObject({ metadata: { imageUrl: svgUri } });
    expect(read('data:video/mp4;base64,AAAAGGZ0eXBpc29t')).toMatchObject({
      metadata: { imageUrl: null, animationUrl: 'data:video/mp4;base64,AAAAGGZ0eXBpc29t' },
    });
  });
});
