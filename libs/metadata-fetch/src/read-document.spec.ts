import { parseGateways } from './gateways.js';
import { readDocument, type DocumentToRead } from './read-document.js';

const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });
const svg = '<svg xmlns="http://www.w3.org/2000/svg" fill="#fff"/>';
const svgUri = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
const url = 'https://host.example/1';

const read = (body: string, rest: Partial<DocumentToRead> = {}) =>
  readDocument({ body: Buffer.from(body), contentType: 'application/json', url, tokenId: '10', gateways, ...rest });

it('a document is decoded and normalised', () => {
  expect(read('{"name":" Lamp "}')).toMatchObject({ kind: 'read', metadata: { name: 'Lamp' } });
  expect(read('<html>')).toEqual({ kind: 'undecodable', reason: 'not_json' });
});

describe('{id} in a document', () => {
  const document = '{"name":"Lamp {id}","image":"https://host.example/{id}.png"}';
  const hex = 'a'.padStart(64, '0');

  it('becomes the token id where the contract is known as ERC-1155 [A19]', () => {
    expect(read(document, { standard: 'erc1155' })).toMatchObject({
      metadata: { name: `Lamp ${hex}`, imageUrl: `https://host.example/${hex}.png`, raw: document },
    });
  });

  it.each([undefined, 'erc721' as const])('stays where it is not: %s', (standard) => {
    expect(read(document, { standard })).toMatchObject({ metadata: { name: 'Lamp {id}' } });
  });
});

describe('media instead of a document', () => {
  it('is shown from where it was found [C14]', () => {
    expect(read(svg, { contentType: 'image/svg+xml' })).toMatchObject({ metadata: { imageUrl: url } });
  });

  it('is its own address where it was in the token URI itself [B14]', () => {
    expect(read(svg, { contentType: 'image/svg+xml', url: 'data:image/svg+xml;utf8,…' })).toMatchObject({
      metadata: { imageUrl: svgUri, imageOriginal: svgUri, warnings: ['media_instead_of_document'] },
    });
  });

  it('is its own address where a host answered with a data: URI of it [B14, C13]', () => {
    expect(read(svgUri, { contentType: 'text/plain' })).toMatchObject({ metadata: { imageUrl: svgUri } });
    expect(read('data:video/mp4;base64,AAAAGGZ0eXBpc29t')).toMatchObject({
      metadata: { imageUrl: null, animationUrl: 'data:video/mp4;base64,AAAAGGZ0eXBpc29t' },
    });
  });
});
