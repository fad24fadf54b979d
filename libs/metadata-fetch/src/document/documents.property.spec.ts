import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { parseDataUri } from '../uri/data-uri.js';
import type { FetchedAttribute, FetchedMetadata } from './fetched-metadata.js';
import { parseGateways } from '../uri/gateways.js';
import { readDocument, type ReadDocument } from './read-document.js';
import { shownDataUri } from '../uri/shown-data-uri.js';

/** Of documents (9) and addresses (8), which share the time of a run. */
const PROPERTY_COUNT = 17;
/** How long each property runs with `npm run test:properties`; otherwise the number of cases is fixed. */
const SECONDS = Number(process.env['PROPERTY_RUN_SECONDS'] ?? 0) / PROPERTY_COUNT;
const CASES = 100;
/** Seeds that have found a bug; each run repeats them. */
const KEPT_SEEDS = [20261128, 602874750, 603667891, 619297242];

/** The kept seeds are run as well, on a core that may have other work. */
const TIMEOUT = SECONDS * 1000 + 300_000;

/** A failure prints the shrunk case and its seed. */
async function holdsFor<T>(cases: fc.Arbitrary<T>, check: (given: T) => void): Promise<void> {
  const fresh = Math.floor(Date.now() % 2 ** 31);
  const assert = (seed: number) => fc.assert(fc.property(cases, check), { seed, numRuns: CASES });
  for (const seed of [...KEPT_SEEDS, fresh]) assert(seed);
  const end = performance.now() + SECONDS * 1000;
  for (let seed = fresh + 1; performance.now() < end; seed += 1) {
    assert(seed);
    await setImmediate();
  }
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const CID = `Qm${'a'.repeat(44)}`;
const SVG = `<svg xmlns='http://www.w3.org/2000/svg' fill='#fff'><path d='M1 1'/></svg>`;

// What documents are made of

const padding = fc.constantFrom('', '', '', ' ', '\n', '\0', '\0\0 ', '\u001b', '\u0085', '\ufeff', '\u00a0', '\u200b');
const word = fc.oneof(
  fc.constantFrom(
    'Lamp',
    'Meadow Fox #1',
    '100% real',
    'ランプ 👩‍🚀',
    '\u202eRTL\u200f',
    'a\0b',
    '{id}',
    '0',
    '12',
    '-1.5',
  ),
  fc.constantFrom('null', 'undefined', 'true', 'NaN', '[object Object]', '\ufffd', '\uffff', 'e\u0301'.repeat(200)),
  fc.constantFrom('2021-09-13 10:00:00', '2021-02-30', '09/13/2021', '1600000000000', '1e400'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc
    .tuple(fc.constantFrom('a', 'é', '🦊', ' ', '👨‍👩‍👧', '\u0007'), fc.constantFrom(250, 256, 1_001, 4_001, 10_001))
    .map(([unit, length]) => unit.repeat(length)),
);
const goodAddress = fc.constantFrom(
  'https://host.example/1.png',
  `ipfs://${CID}/1.png`,
  `data:image/svg+xml;utf8,${SVG}`,
  'data:image/png;base64,iVBORw0KGgo=',
);
const address = fc.oneof(
  goodAddress,
  fc.constantFrom(
    '/1.png',
    'ipfs://x',
    'javascript:alert(1)',
    'data:text/html,<b>',
    SVG,
    `<?xml version="1.0"?>${SVG}`,
  ),
  fc.constantFrom(
    'https://user:pw@host.example/a b',
    'data:',
    'data:image/svg+xml',
    `data:image/svg+xml;base64,${SVG}`,
  ),
);
const text = fc.tuple(padding, fc.oneof(word, address), padding).map((parts) => parts.join(''));
const scalar: fc.Arbitrary<Json> = fc.oneof(
  { weight: 5, arbitrary: text },
  fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
  fc.constantFrom(1e21, 1e-7, 0, -0, 1_600_000_000, 1_600_000_000_000, 5e-324),
);
const key = fc.oneof(
  fc.constantFrom('trait_type', 'value', 'key', 'name', 'display_type', 'max_value', 'type', 'description', 'title'),
  fc.constantFrom('image', 'url', 'uri', 'href', 'attributes', 'traits', 'properties', 'Background', 'en', 'files'),
  fc.constantFrom('__proto__', 'constructor', 'toString', '', ' ', 'name\0', '\ufeffname', '0', '10', '9'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const { any } = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(key, tie('any'), { maxKeys: 4 }),
  ),
}));

const display = fc.constantFrom(
  'date',
  'number',
  'boost_number',
  'boolean',
  'Boost_Percentage',
  'string',
  'color',
  ' ',
);
const trait: fc.Arbitrary<Json> = fc.oneof(
  fc.record(
    { trait_type: text, value: fc.oneof(scalar, any), display_type: display, max_value: scalar },
    { requiredKeys: ['value'] },
  ),
  fc.record({ key: text, value: scalar }),
  fc.dictionary(key, scalar, { maxKeys: 4 }),
  any,
);
const collection: fc.Arbitrary<Json> = fc.oneof(
  fc.array(trait, { maxLength: 6 }),
  fc.dictionary(key, fc.oneof(scalar, trait), { maxKeys: 5 }),
  fc.constantFrom([], {}, ''),
);
const traits: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: collection },
  fc.tuple(padding, collection, padding).map(([before, inner, behind]) => before + JSON.stringify(inner) + behind),
  fc.record({ traits: collection, attributes: collection, category: text }, { requiredKeys: [] }),
  any,
);
/** `{"type": "string", "description": …}`, a list, an object, or the value itself. */
const shaped = (value: fc.Arbitrary<Json>): fc.Arbitrary<Json> =>
  fc.oneof(
    { weight: 4, arbitrary: value },
    value.map((description) => ({ type: 'string', description })),
    value.map((inner) => ({ value: inner })),
    value.map((url) => [null, { url }]),
    any,
  );
const fields = fc.record(
  {
    name: shaped(text),
    title: shaped(text),
    description: shaped(text),
    image: shaped(address),
    image_url: shaped(address),
    image_uri: shaped(address),
    image_data: shaped(address),
    mediaUri: shaped(address),
    animation_url: shaped(address),
    external_url: shaped(address),
    youtube_url: shaped(address),
    background_color: fc.oneof(fc.constantFrom('#fff', 'ffffff', 'red', '\0fff '), any),
    decimals: fc.oneof(fc.constantFrom(18, '18', ' 6\0', 256, -1, 1.5), any),
    localization: fc.oneof(fc.record({ uri: text, default: text, locales: fc.array(scalar, { maxLength: 4 }) }), any),
    attributes: traits,
    traits,
    properties: fc.oneof(
      traits,
      fc.record(
        { name: shaped(text), description: shaped(text), image: shaped(address), Hat: shaped(text) },
        { requiredKeys: [] },
      ),
    ),
    type: fc.constantFrom('object', 'image'),
    status: fc.constantFrom(200, 404, 'ok'),
    error: text,
  },
  { requiredKeys: [] },
);
const document: fc.Arbitrary<{ [key: string]: Json }> = fc
  .tuple(fields, fc.dictionary(key, any, { maxKeys: 3 }))
  .map(([known, more]) => ({ ...more, ...known }));

// How they are served

/** JSON in the spellings of other programs. */
const written = fc.constantFrom<(value: Json) => string>(
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, '\t'),
  (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  (value) => JSON.stringify(value).replace(/[^ -~]/g, escaped),
  (value) => JSON.stringify(shuffled(value)),
);
const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
/** Reorders the members of every object. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, shuffled(member)]),
  );
}
const base64 = (content: string) => Buffer.from(content).toString('base64');
const percent = (content: string) => Buffer.from(content).toString('hex').replace(/../g, '%$&');
const utf16 = (content: string) => Buffer.from(`\ufeff${content}`, 'utf16le');
const encoded = fc.constantFrom<(content: string) => Uint8Array>(
  (content) => Buffer.from(content),
  (content) => Buffer.from(`\ufeff${content}`),
  (content) => Buffer.from(`\ufeff\r\n\ufeff ${content}\u00a0\0`),
  (content) => Buffer.from(`\u0000\n${content}\u001f\u0085 `),
  (content) => utf16(content),
  (content) => utf16(content).swap16(),
  (content) => Buffer.from(JSON.stringify(content.toWellFormed())),
  (content) => Buffer.from(`data:application/json;base64,${base64(content)}`),
  (content) => Buffer.from(`data:application/json,${percent(content)}`),
);
const contentType = fc.constantFrom(null, 'application/json', 'text/plain; charset=utf-8', 'text/html', 'image/png');
const brokenBody = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(document, encoded, fc.nat(), fc.nat(), fc.nat(255)).map(([value, encode, end, at, byte]) => {
    const whole = encode(JSON.stringify(value));
    const body = whole.slice(0, end % 3 === 0 ? end % (whole.length + 1) : whole.length);
    if (body.length > 0) body[at % body.length] = byte;
    return body;
  }),
);
const body = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(document, written, encoded).map(([value, write, encode]) => encode(write(value))) },
  brokenBody,
);

// What is read

const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });
const read = (bytes: Uint8Array, type: string | null = 'application/json', standard?: 'erc1155'): ReadDocument => {
  const context = { url: 'https://host.example/1', tokenId: '26', gateways, acceptsMedia: false };
  return readDocument({ ...context, body: bytes, contentType: type, ...(standard && { standard }) });
};
const readJson = (value: Json) => read(Buffer.from(JSON.stringify(value)));
const textsOf = ({ name, description, imageOriginal, localization, attributes }: FetchedMetadata): string[] =>
  [
    name,
    description,
    imageOriginal,
    localization?.uri,
    localization?.defaultLocale,
    ...(localization?.locales ?? []),
    ...attributes.flatMap(({ traitType, value, displayType }) => [traitType, value, displayType]),
  ].filter((value) => typeof value === 'string');

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...stringsIn(member)]);
}

/** Removes fields that depend on how the document was served, and sorts the traits. */
function content(outcome: ReadDocument): unknown {
  if (outcome.kind !== 'read') return outcome;
  const { raw: _, warnings, attributes, ...shown } = outcome.metadata;
  const served = /^(?:unexpected_media_type|encoded_twice|replaced_characters|number_out_of_range)$/;
  const sorted = attributes.map((attribute) => JSON.stringify(attribute)).toSorted();
  return { ...shown, attributes: sorted, warnings: warnings.filter((code) => !served.test(code)) };
}

it(
  'every body is read without an exception, and the result can be stored in PostgreSQL',
  () =>
    holdsFor(fc.tuple(body, contentType, fc.constantFrom(undefined, 'erc1155' as const)), ([bytes, type, standard]) => {
      const outcome = read(bytes, type, standard);
      if (outcome.kind === 'undecodable') return;
      const { metadata } = outcome;
      for (const string of stringsIn([metadata, JSON.parse(metadata.raw)])) {
        expect(string.includes('\0') || !string.isWellFormed()).toBe(false);
      }
      expect(metadata.contentHash).toMatch(/^[0-9a-f]{64}$/);
      expect(metadata.warnings).toEqual([...new Set(metadata.warnings)].toSorted());
    }),
  TIMEOUT,
);

it(
  'every record keeps to the limits and has only safe URLs',
  () =>
    holdsFor(body, (bytes) => {
      const outcome = read(bytes);
      if (outcome.kind === 'undecodable') return;
      const { metadata } = outcome;
      const { name, description, attributes, backgroundColor, decimals } = metadata;
      expect(Math.max(name?.length ?? 0, 0)).toBeLessThanOrEqual(255);
      expect(description?.length ?? 0).toBeLessThanOrEqual(10_000);
      expect(attributes.length).toBeLessThanOrEqual(1_000);
      for (const { traitType, value, displayType, maxValue, valueType } of attributes) {
        expect(traitType.length).toBeLessThanOrEqual(1_000);
        expect(displayType?.length ?? 0).toBeLessThanOrEqual(64);
        expect(String(value).length).toBeLessThanOrEqual(4_000);
        expect(maxValue === null || Number.isFinite(maxValue)).toBe(true);
        expect(typeof value === 'number' ? Number.isFinite(value) && valueType !== 'string' : true).toBe(true);
      }
      expect(backgroundColor ?? 'ffffff').toMatch(/^[0-9a-f]{6}$/);
      expect(decimals === null || (Number.isInteger(decimals) && decimals >= 0 && decimals <= 255)).toBe(true);
      expect(metadata.imageUrl ?? 'https:').toMatch(/^(?:https?:|data:image\/)/i);
      expect(metadata.animationUrl ?? 'https:').toMatch(/^(?:https?:|data:(?:image|video|audio|model)\/)/i);
      expect(metadata.externalUrl ?? 'https:').toMatch(/^https?:/i);
    }),
  TIMEOUT,
);

it(
  'no text of a record starts or ends with an invisible character',
  () =>
    holdsFor(body, (bytes) => {
      const outcome = read(bytes);
      if (outcome.kind === 'undecodable') return;
      for (const shown of textsOf(outcome.metadata)) {
        expect(shown).not.toMatch(/^[\s\p{Cc}\u200b\u2060\ufeff]|[\s\p{Cc}\u200b\u2060\ufeff]$/u);
      }
    }),
  TIMEOUT,
);

it(
  'the spelling, encoding, padding and key order of a document do not change its record',
  () =>
    holdsFor(fc.tuple(document, written, encoded, contentType), ([value, write, encode, type]) => {
      expect(content(read(encode(write(value)), type))).toEqual(content(readJson(value)));
    }),
  TIMEOUT,
);

it(
  'reading a document again gives the same record',
  () =>
    holdsFor(document, (value) => {
      const outcome = readJson(value);
      expect(readJson(value)).toEqual(outcome);
      // What replaced a NUL in the stored document cannot be told from what was served.
      if (outcome.kind === 'undecodable' || outcome.metadata.warnings.includes('replaced_characters')) return;
      const again = read(Buffer.from(outcome.metadata.raw));
      expect(content(again)).toEqual(content(outcome));
    }),
  TIMEOUT,
);

it(
  'reading a record that was written as a document gives the same record',
  () =>
    holdsFor(document, (value) => {
      const outcome = readJson(value);
      // Encoded addresses may have become longer than an address may be.
      if (outcome.kind === 'undecodable' || (outcome.metadata.imageUrl?.length ?? 0) > 4_000) return;
      const { name, description, imageUrl, animationUrl, attributes } = outcome.metadata;
      const members = Object.entries({ name, description, image: imageUrl, animation_url: animationUrl }).map(
        ([field, member]) => `${JSON.stringify(field)}:${JSON.stringify(member)}`,
      );
      const again = read(Buffer.from(`{${members.join(',')},"attributes":[${attributes.map(toJson).join(',')}]}`));
      expect(again).toMatchObject({
        kind: 'read',
        metadata: { name, description, imageUrl, animationUrl, attributes },
      });
    }),
  TIMEOUT,
);
function toJson({ traitType, value, valueType, displayType, maxValue }: FetchedAttribute): string {
  const digits = valueType === 'number' && typeof value === 'string' ? value : JSON.stringify(value);
  const [name, display, maximum] = [traitType, displayType, maxValue].map((member) => JSON.stringify(member));
  return `{"trait_type":${name},"value":${digits},"display_type":${display},"max_value":${maximum}}`;
}
const USABLE: fc.Arbitrary<{ [key: string]: Json }> = fc.oneof(
  fc.constantFrom<{ [key: string]: Json }>(
    { name: 'Lamp' },
    { name: '\0Lamp\n' },
    { name: 7 },
    { name: ['', 'Lamp'] },
    { description: 'It glows.' },
    { name: null, properties: { name: { type: 'string', description: 'Lamp' } } },
  ),
  goodAddress.map((image) => ({ image })),
  goodAddress.map((url) => ({ image: [{ mimeType: 'image/png', url }] })),
  fc.constant({ animation_url: 'https://host.example/1.mp4' }),
  fc.constantFrom<{ [key: string]: Json }>(
    { attributes: [null, { trait_type: 'Hat', value: 'Red' }] },
    { attributes: { Hat: 0 } },
    { attributes: '[{"trait_type":"Hat","value":false}]' },
    { attributes: [], traits: [{ Hat: 'Red', Eyes: 'Blue' }] },
  ),
);
it(
  'a document with something to show is always read, whatever else it contains',
  () =>
    holdsFor(fc.tuple(document, USABLE, written, encoded), ([value, usable, write, encode]) => {
      // Beside a name or a description alone, these say that it is an error message.
      const { status: _, error: __, errors: ___, stack: ____, statusCode: _____, code: ______, ...rest } = value;
      expect(read(encode(write({ ...rest, ...usable })))).toMatchObject({ kind: 'read' });
    }),
  TIMEOUT,
);

const noText = fc.constantFrom<Json>(
  null,
  '',
  ' \n',
  '\0',
  '\u200b',
  '\u200d\u3164',
  '\u2800',
  'null',
  'undefined',
  false,
  {},
  [],
  [''],
  {
    en: 'a',
  },
);
const noAddress = fc.oneof(
  noText,
  fc.constantFrom<Json>(
    5,
    true,
    '/1.png',
    'a',
    'ipfs://x',
    'javascript:alert(1)',
    'data:image/png;base64,',
    'data:image/svg+xml;utf8,',
    'data:image/svg+xml;base64,PHN2Z',
    ['a'],
    { a: 1 },
    [[]],
    [{ url: '' }],
  ),
);
const noTraits = fc.oneof(
  fc.constantFrom<Json>(null, '', 'x', 5, true, [], {}, '[]', '{}', [null], [[]], [{}]),
  fc.constantFrom<Json>([{ trait_type: 'a' }], [{ trait_type: 'a', value: null }], { a: null }, { traits: [] }),
  fc.constantFrom<Json>([{ value: '' }], [{ display_type: 'date' }], { 0: { trait_type: 'a', value: 'null' } }),
);
it(
  'a document with nothing to show is never read, whatever else it contains',
  () =>
    holdsFor(
      fc.tuple(
        fc.record(
          {
            name: noText,
            description: noText,
            image: noAddress,
            image_url: noAddress,
            image_data: noAddress,
            mediaUri: noAddress,
            animation_url: noAddress,
            attributes: noTraits,
            traits: noTraits,
            properties: fc.constantFrom<Json>(null, {}, [], '', 'x', 5, { files: [1] }, { a: null }, [{ uri: 'a' }]),
            external_url: any,
            youtube_url: any,
            background_color: any,
            decimals: any,
            localization: any,
            message: any,
            data: any,
            result: any,
          },
          { requiredKeys: [] },
        ),
        written,
        encoded,
      ),
      ([value, write, encode]) => {
        expect(read(encode(write(value)))).toMatchObject({
          kind: 'undecodable',
          reason: expect.stringMatching(/^(?:no_known_fields|empty_metadata)$/) as string,
        });
      },
    ),
  TIMEOUT,
);

const dataUri = fc
  .oneof(
    fc.tuple(
      fc.constantFrom(
        'data:application/json,',
        'data:image/svg+xml;utf8,',
        'data:;base64,',
        'DATA:image/svg+xml;base64,',
      ),
      fc.oneof(
        text,
        document.map((value) => JSON.stringify(value)),
        document.map((value) => base64(JSON.stringify(value))),
        fc.constantFrom(SVG, `${SVG}#a`, percent(SVG), base64(SVG), SVG.replaceAll(' ', '\n\t')),
      ),
    ),
    fc.tuple(fc.constant('data:'), fc.string({ unit: 'binary', maxLength: 20 })),
  )
  .map((parts) => parts.join(''));
it(
  'a data: URI is parsed without an exception, and repairing it again changes nothing',
  () =>
    holdsFor(dataUri, (uri) => {
      parseDataUri(uri);
      const shown = shownDataUri(uri);
      if (shown === null) return;
      expect(shownDataUri(shown)).toBe(shown);
      const markup = shown.slice(shown.indexOf(',') + 1, Math.max(shown.lastIndexOf('>'), 0));
      expect(/;\s*base64\s*,/i.test(shown) ? '' : markup).not.toMatch(/[#\t\n\r]/);
    }),
  TIMEOUT,
);
