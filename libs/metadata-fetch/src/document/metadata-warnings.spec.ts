import { readFileSync } from 'node:fs';
import { describeWarning, METADATA_WARNINGS, type MetadataWarning } from './metadata-warnings.js';
import { readDocument } from './read-document.js';
import { parseGateways } from '../uri/gateways.js';

const codes = (Object.keys(METADATA_WARNINGS) as MetadataWarning[]).toSorted();
const image = 'https://host.example/1.png';
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>');
const badUrls = { unsafe: 'javascript:1', private: 'https://10.0.0.1/', relative: '/1.png', invalid: 'https://[' };
/** The last two are of collections. */
const urlFields = ['image', 'animation_url', 'external_url', 'youtube_url', 'banner_image', 'featured_image'];
const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });

/** Documents that have everything that a warning is given for. */
const documents: readonly { body: string | Buffer; contentType?: string }[] = [
  ...urlFields.flatMap((field) =>
    [...Object.values(badUrls), { url: image }].map((url) => ({
      body: JSON.stringify({ name: 'Lamp', [field]: url }),
    })),
  ),
  { body: JSON.stringify({ name: 'Lamps', collaborators: ['nobody'] }) },
  { body: JSON.stringify({ name: ['Lamp'], description: ['Bright.'], background_color: 'red' }) },
  { body: JSON.stringify({ name: 'n'.repeat(256), description: 'd'.repeat(10_001), attributes: 'none' }) },
  {
    body: JSON.stringify({
      attributes: [
        { value: 'no name' },
        { trait_type: 'no value' },
        { trait_type: 'a'.repeat(1001), value: 'v'.repeat(4001) },
        { trait_type: 'Born', display_type: 'date', value: 'once' },
        ...Array.from({ length: 1000 }, (_, index) => ({ trait_type: `T${index}`, value: index })),
      ],
    }),
  },
  { body: '{"name":"Lamp"}', contentType: 'text/html' },
  { body: '{"name":"Lamp"}', contentType: 'application/json; charset=klingon' },
  { body: Buffer.from('{"name":"Sérgio"}', 'latin1') },
  { body: String.raw`{"name":"a\u0000b","size":1e400}` },
  { body: JSON.stringify('{"name":"Lamp"}') },
  { body: svg, contentType: 'image/svg+xml' },
];

function warningsOf({ body, contentType = 'application/json' }: (typeof documents)[number]): string[] {
  const read = readDocument({
    body: Buffer.from(body),
    contentType,
    url: 'https://host.example/1',
    tokenId: '1',
    gateways,
    acceptsMedia: true,
    isOfCollection: true,
  });
  expect(read).toMatchObject({ kind: 'read' });
  return read.kind === 'read' ? read.collection!.warnings : [];
}

it('each warning has a sentence and a document that causes it', () => {
  expect([...new Set(documents.flatMap(warningsOf))].toSorted()).toEqual(codes);
});

it('each sentence on a warning is one sentence of its own', () => {
  const sentences = Object.values(METADATA_WARNINGS);

  expect(sentences.filter((sentence) => !/^[A-Z].*[^.]\.$/.test(sentence))).toEqual([]);
  expect(new Set(sentences).size).toBe(sentences.length);
});

it('a warning of a fetcher that the host application provides has a sentence as well', () => {
  expect(describeWarning('name_cut')).toBe(METADATA_WARNINGS.name_cut);
  expect(describeWarning('constructor')).toBe('The metadata fetcher of this service reports "constructor".');
});

it('the table of warnings in the documentation has each warning and no other', () => {
  const page = new URL('../../../../docs/reference/metadata-documents.md', import.meta.url);
  const table = readFileSync(page, 'utf8')
    .split(/^## Warnings$/m)[1]!
    .split(/^## /m, 1)[0]!;
  const documented = [...table.matchAll(/^\| (`.*?) +\|/gm)].flatMap(([, cell]) => codesIn(cell!));

  expect(documented.toSorted()).toEqual(codes);
});

/** "`nested_…`, `private_…` with `name`, `image`" stands for the four combinations. */
function codesIn(cell: string): string[] {
  const [prefixes, fields] = cell
    .split(' with ')
    .map((part) => [...part.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
  return fields ? prefixes!.flatMap((prefix) => fields.map((field) => prefix.replace('…', field))) : prefixes!;
}
