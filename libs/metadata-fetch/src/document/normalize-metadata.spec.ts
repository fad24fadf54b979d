import type { FetchedMetadata } from './fetched-metadata.js';
import { parseGateways } from '../uri/gateways.js';
import { decodeDocument } from './json-document.js';
import { describeMedia } from './media-document.js';
import { normalizeMetadata, type NormalizeContext } from './normalize-metadata.js';

const cid = `Qm${'a'.repeat(44)}`;
const gateways = parseGateways({ ipfsGateways: ['https://gw.example'] });

function normalize(document: object | string, context: Partial<NormalizeContext> = {}): FetchedMetadata {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const decoded = decodeDocument(Buffer.from(text), 'application/json');
  if (decoded.kind !== 'document') throw new TypeError(`The test needs a document: ${JSON.stringify(decoded)}`);
  return normalizeMetadata(decoded, { tokenId: '1', gateways, ...context });
}

describe('documents', () => {
  it('a document is normalised and kept as raw JSON [F1] [F31]', () => {
    const text = JSON.stringify({
      name: ' Lamp #1 ',
      description: 'It glows.',
      image: `ipfs://${cid}/1.png`,
      animation_url: 'https://host.example/1.mp4',
      external_url: 'https://host.example/1',
      youtube_url: 'https://www.youtube.com/watch?v=1',
      background_color: '#FFAA00',
      decimals: 0,
      localization: { uri: 'https://host.example/{locale}.json', default: 'en', locales: ['en', 'de', 7] },
      attributes: [{ trait_type: 'Hat', value: 'Red' }],
      something: 'else',
    });

    expect(normalize(text)).toEqual({
      name: 'Lamp #1',
      description: 'It glows.',
      imageUrl: `https://gw.example/ipfs/${cid}/1.png`,
      imageOriginal: `ipfs://${cid}/1.png`,
      animationUrl: 'https://host.example/1.mp4',
      animationOriginal: 'https://host.example/1.mp4',
      externalUrl: 'https://host.example/1',
      youtubeUrl: 'https://www.youtube.com/watch?v=1',
      backgroundColor: 'ffaa00',
      decimals: 0,
      localization: { uri: 'https://host.example/{locale}.json', defaultLocale: 'en', locales: ['en', 'de'] },
      attributes: [{ traitType: 'Hat', value: 'Red', valueType: 'string', displayType: null, maxValue: null }],
      raw: text,
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      warnings: [],
    });
  });

  it('a document may have only an image [F2]', () => {
    expect(normalize({ image: 'https://host.example/1.png' })).toMatchObject({
      name: null,
      description: null,
      attributes: [],
    });
  });

  it('a document has the same hash for any order of its keys [G12]', () => {
    expect(normalize('{"name":"a","image":"b"}').contentHash).toBe(normalize(' {"image":"b","name":"a"}').contentHash);
  });

  it('a document lists each warning once, sorted', () => {
    expect(
      normalize({ name: 'a', image: '/1.png', background_color: 'red', attributes: [null, null] }).warnings,
    ).toEqual(['invalid_background_color', 'relative_image', 'skipped_attribute']);
  });
});

describe('documents in the form of the ERC-721 JSON schema', () => {
  const described = (description: string) => ({ type: 'string', description });
  const properties = {
    name: described('Meadow Fox #1'),
    description: described('A fox'),
    image: described('https://host.example/1.png'),
  };

  it('a document in the form of the ERC-721 JSON schema has its values in the descriptions (D1)', () => {
    expect(normalize({ title: 'Asset Metadata', type: 'object', properties })).toMatchObject({
      name: 'Meadow Fox #1',
      description: 'A fox',
      imageUrl: 'https://host.example/1.png',
      imageOriginal: 'https://host.example/1.png',
      attributes: [],
      warnings: [],
    });
  });

  it('a document in the form of the ERC-721 JSON schema has other fields there too, and traits (D1)', () => {
    const more = { animation_url: described('https://host.example/1.mp4'), Hat: described('Red') };

    expect(normalize({ type: 'object', properties: { ...properties, ...more } })).toMatchObject({
      animationUrl: 'https://host.example/1.mp4',
      attributes: [{ traitType: 'Hat', value: 'Red' }],
    });
  });

  it('a document in the form of the ERC-721 JSON schema has no name if it has only the title of the schema (D1)', () => {
    const { image } = properties;

    expect(normalize({ title: 'Asset Metadata', type: 'object', properties: { image } }).name).toBeNull();
  });

  it('a document in the form of the ERC-721 JSON schema keeps a name, a description and an image at its top level (D1)', () => {
    const own = { name: 'Fox', description: 'Red', image: 'https://host.example/2.png' };

    expect(normalize({ ...own, properties })).toMatchObject({
      name: 'Fox',
      description: 'Red',
      imageUrl: 'https://host.example/2.png',
      attributes: [],
    });
  });
});

describe('lists and objects in place of one value', () => {
  const png = `ipfs://${cid}/1.png`;
  const shown = `https://gw.example/ipfs/${cid}/1.png`;

  it.each([
    ['a list (D3)', [png, `ipfs://${cid}/2.png`]],
    ['a list with something unusable first (D3)', ['', null, '/1.png', png]],
    ['a list of objects (D3)', [{ mimeType: 'image/png', uri: png }]],
    ['an object with an address (D5)', { href: 'x', ipfsUri: png }],
    ['an object with a url (D5)', { thumbnail: 'https://host.example/small.png', url: png }],
    ['an object with a description (D5)', { description: png }],
    ['an object with names of its own (D5)', { format: 'png', original_picture: png }],
  ])('a list or an object in place of one value is read for an image, with a warning: %s', (_, image) => {
    expect(normalize({ name: 'A', image })).toMatchObject({
      imageUrl: shown,
      imageOriginal: png,
      warnings: ['nested_image'],
    });
  });

  it.each([
    ['external_url', 'externalUrl', '(D4)'],
    ['animation_url', 'animationUrl', '(D3)'],
    ['youtube_url', 'youtubeUrl', '(D4)'],
  ])('a list or an object in place of one value is read for %s too, with a warning: %s %s', (field, column) => {
    expect(normalize({ name: 'A', [field]: ['https://c.example', 'https://d.example'] })).toMatchObject({
      [column]: 'https://c.example',
      warnings: [`nested_${field}`],
    });
  });

  it('a list or an object in place of one value is read for a name and a description, with a warning (D3)', () => {
    expect(normalize({ name: ['', 'Lamp'], description: [{ value: 'It glows.' }] })).toMatchObject({
      name: 'Lamp',
      description: 'It glows.',
      warnings: ['nested_description', 'nested_name'],
    });
  });

  it('a list or an object in place of one value is read in the same way whatever the order of its keys', () => {
    const [a, b] = ['https://a.example/1.png', 'https://b.example/1.png'];

    expect(normalize({ image: { a, b } }).imageUrl).toBe(a);
    expect(normalize({ image: { b, a } }).imageUrl).toBe(a);
  });

  it('an image on a host that only its creator can reach is not shown; the original is kept (U6)', () => {
    const image = 'http://127.0.0.1:3000/1.png';

    expect(normalize({ name: 'A', image })).toMatchObject({
      imageUrl: null,
      imageOriginal: image,
      warnings: ['private_image'],
    });
    expect(normalize({ name: 'A', image, image_url: 'https://host.example/1.png' })).toMatchObject({
      imageUrl: 'https://host.example/1.png',
      warnings: [],
    });
  });

  it('a page about a license, or another link to a page, inside an object is not read as an image (D5)', () => {
    const image = { mimeType: 'image/png', license: 'https://creativecommons.org/licenses', site: 'https://a.example' };

    expect(normalize({ name: 'A', image }).imageUrl).toBeNull();
    expect(normalize({ name: 'A', image: { ...image, small: 'ipfs://' + cid } }).imageUrl).toBe(
      `https://gw.example/ipfs/${cid}`,
    );
  });

  it('a list or an object in place of one value is ignored if nothing in it is usable (D3)', () => {
    expect(normalize({ name: 'A', image: ['a'], external_url: {}, animation_url: [[[[png]]]] })).toMatchObject({
      imageUrl: null,
      imageOriginal: null,
      externalUrl: null,
      animationUrl: null,
      warnings: [],
    });
  });

  it('a list or an object in place of one value does not block the event loop, however large it is', () => {
    const image = Array.from({ length: 20_000 }, () => ['a']);

    expect(normalize({ name: 'A', image: [...image, png] })).toMatchObject({ imageUrl: null });
  });
});

describe('invisible characters', () => {
  it.each([
    ['NULs', 'Lamp\0\0\0'],
    ['control characters', '\u0007\x1bLamp\x7f\u0085'],
    ['NULs and blanks', ' \0 Lamp \0 '],
    ['byte order marks and other spaces', '\ufeff\u200b\u00a0Lamp\u3000\u2060'],
  ])('invisible characters at the ends of a text are removed: %s', (_, text) => {
    const address = text.replace('Lamp', 'https://host.example/1');
    const metadata = normalize({
      name: text,
      description: text,
      image: address,
      animation_url: address,
      external_url: address,
      background_color: text.replace('Lamp', 'ffffff'),
      localization: { uri: address, default: text, locales: [text] },
      attributes: [{ trait_type: text, value: text, display_type: text }],
    });

    expect(metadata).toMatchObject({
      name: 'Lamp',
      description: 'Lamp',
      imageUrl: 'https://host.example/1',
      imageOriginal: 'https://host.example/1',
      animationUrl: 'https://host.example/1',
      externalUrl: 'https://host.example/1',
      backgroundColor: 'ffffff',
      localization: { uri: 'https://host.example/1', defaultLocale: 'Lamp', locales: ['Lamp'] },
      attributes: [{ traitType: 'Lamp', value: 'Lamp', displayType: 'Lamp' }],
    });
  });

  it('invisible characters are kept inside a text; joiners and direction marks also at its ends (D28)', () => {
    const name = '\u202e👩\u200d🚀 a\tb\u200f';

    expect(normalize({ name }).name).toBe(name);
  });

  it('invisible characters are distinguished from noncharacters of the document', () => {
    const metadata = normalize({ name: '\uffffLamp\ufffe', description: '\ufffd', image: 'https://host.example/1\0' });

    expect(metadata).toMatchObject({
      name: '\uffffLamp\ufffe',
      description: '\ufffd',
      imageUrl: 'https://host.example/1',
    });
  });

  it('invisible characters at the ends of texts are removed from a large document, too', () => {
    const metadata = normalize({ name: '\0Lamp\0\0', more: 'x'.repeat(300_000), attributes: { 'Hat\0': 'Red\0' } });

    expect(metadata).toMatchObject({ name: 'Lamp', attributes: [{ traitType: 'Hat', value: 'Red' }] });
  });

  it('invisible characters at the ends of keys are removed, unless that makes two keys equal', () => {
    expect(normalize({ 'name\0': 'Lamp' }).name).toBe('Lamp');
    expect(normalize({ 'name\0': 'Oil', name: 'Lamp' }).name).toBe('Lamp');
  });
});

describe('names', () => {
  it.each([
    ['a number, as text [F3]', { name: 5 }, '5'],
    ['a boolean, as text [F3]', { name: true }, 'true'],
    ['no object [F3]', { name: { en: 'Lamp' } }, null],
    ['a title [F4]', { title: 'Lamp', image: '' }, 'Lamp'],
    ['a label [F4]', { label: 'Lamp', image: '' }, 'Lamp'],
    ['the name before a title and a label [F4]', { label: 'c', title: 'b', name: 'Lamp' }, 'Lamp'],
    ['the title before a label where the name is empty [F4]', { label: 'c', title: 'Lamp', name: '' }, 'Lamp'],
    ['never empty', { name: ' ' }, null],
    ['in mixed scripts and emoji [F30]', { name: '𝓛amp ランプ 👩‍🚀' }, '𝓛amp ランプ 👩‍🚀'],
    ['well-formed [C19]', { name: 'a\ud83e' }, 'a\ufffd'],
  ])('the name is %s', (_, document, name) => {
    expect(normalize(document).name).toBe(name);
  });

  it('a name that is a number keeps every digit [F3] [C28]', () => {
    expect(normalize('{"name":12345678901234567890}').name).toBe('12345678901234567890');
  });

  it('a name is truncated to 255 UTF-16 units at a grapheme boundary, with a warning [F33]', () => {
    expect(normalize({ name: `${'a'.repeat(254)}🦊` })).toMatchObject({
      name: 'a'.repeat(254),
      warnings: ['name_cut'],
    });
    expect(normalize({ description: 'd'.repeat(20_000) })).toMatchObject({
      description: 'd'.repeat(10_000),
      warnings: ['description_cut'],
    });
  });
});

describe('images', () => {
  const url = 'https://host.example/1.png';

  it.each([
    ['image', { image: url, image_url: 'https://host.example/2.png' }],
    ['image_url', { image: '', image_url: url }],
    ['imageUrl', { imageUrl: url }],
    ['image_data', { image: null, image_data: url }],
    ['svg_image_data', { svg_image_data: url }],
    ['image_content', { image_content: url }],
    ['properties.image', { properties: { image: url } }],
    ['properties.image.value', { properties: { image: { value: url } } }],
    ['image_uri (D6)', { image_uri: url }],
    ['imageUri (D6)', { imageUri: url }],
    ['mediaUri (D6)', { mediaUri: url }],
    ['media_uri (D6)', { media_uri: url }],
    ['the next field when the first cannot be shown', { image: '/1.png', image_url: url }],
  ])('an image is found in %s [F5]', (_, document) => {
    expect(normalize(document)).toMatchObject({ imageUrl: url, imageOriginal: url });
  });

  it('the image is the first field that can be shown, whatever the order of fields in the document [F5]', () => {
    const fields = ['image', 'image_url', 'imageUrl', 'image_data', 'svg_image_data', 'image_content', 'properties'];
    const left = fields.toReversed().map((field) => {
      const address = `https://host.example/${field}`;
      return [field, field === 'properties' ? { image: address } : address] as const;
    });

    while (left.length > 0) {
      const [field] = left.at(-1)!;
      expect(normalize(Object.fromEntries(left)).imageUrl).toBe(`https://host.example/${field}`);
      left.pop();
    }
  });

  it.each([[''], [null], ['null'], [7], [['a']]])('an image is missing: %j [F6]', (image) => {
    expect(normalize({ name: 'a', image })).toMatchObject({
      name: 'a',
      imageUrl: null,
      imageOriginal: null,
      warnings: [],
    });
  });

  it('an image is missing if only an unknown field has it [F7]', () => {
    expect(normalize({ name: 'a', image_location: url })).toMatchObject({
      name: 'a',
      imageUrl: null,
      imageOriginal: null,
      warnings: [],
    });
  });

  it('an image is kept as given if it cannot be shown [F6]', () => {
    expect(normalize({ name: 'a', image: '/1.png' })).toMatchObject({
      name: 'a',
      imageUrl: null,
      imageOriginal: '/1.png',
      warnings: ['relative_image'],
    });
    expect(normalize({ image: 'ipfs://x' })).toMatchObject({
      imageUrl: null,
      imageOriginal: 'ipfs://x',
      warnings: ['invalid_image'],
    });
  });

  it.each(['javascript:alert(1)', 'data:text/html,<b>', 'file:///etc/passwd'])(
    'an image is dropped when unsafe: %s',
    (image) => {
      const metadata = normalize({ image });

      expect(metadata).toMatchObject({ imageUrl: null, imageOriginal: null, warnings: ['unsafe_image'] });
      expect(metadata.raw).toContain(image);
    },
  );

  it.each([
    ['in IPFS', `ipfs://${cid}/1.png`, `https://gw.example/ipfs/${cid}/1.png`],
    ['in Arweave', `ar://${'b'.repeat(43)}`, `https://arweave.net/${'b'.repeat(43)}`],
    [
      'that a browser would cut at its # (D21)',
      'data:image/svg+xml;utf8,<svg><rect fill="#ff0000"/></svg>',
      'data:image/svg+xml;utf8,<svg><rect fill="%23ff0000"/></svg>',
    ],
    ['that is SVG text [F8]', '<svg/>', `data:image/svg+xml;base64,${Buffer.from('<svg/>').toString('base64')}`],
  ])('an image %s is kept as given, beside the URL that shows it [F9]', (_, image, imageUrl) => {
    expect(normalize({ image })).toMatchObject({ imageUrl, imageOriginal: image, warnings: [] });
  });

  it.each(['https://host.example/1.mp4', 'https://host.example/image/unknown', 'https://host.example/1.exe'])(
    'the type of an image is not checked: %s [F11]',
    (image) => {
      expect(normalize({ image })).toMatchObject({ imageUrl: image, animationUrl: null, warnings: [] });
    },
  );
});

describe('other URLs', () => {
  it.each([
    ['animation_url', { animation_url: 'https://host.example/1' }],
    ['animation', { animation: 'https://host.example/1' }],
    ['animationUrl', { animationUrl: 'https://host.example/1' }],
  ])('the URL of an animation or a link is found: %s [F10]', (_, document) => {
    expect(normalize(document).animationUrl).toBe('https://host.example/1');
  });

  it.each([
    [
      'in IPFS',
      { animation_url: `ipfs://${cid}/1.mp4` },
      `https://gw.example/ipfs/${cid}/1.mp4`,
      `ipfs://${cid}/1.mp4`,
    ],
    ['that cannot be shown', { animation_url: '1.mp4' }, null, '1.mp4'],
    [
      'that cannot be shown beside one that can',
      { animation_url: '1.mp4', animation: 'https://host.example/1' },
      'https://host.example/1',
      'https://host.example/1',
    ],
    ['that is unsafe', { animation_url: 'javascript:alert(1)' }, null, null],
    ['that is none', { name: 'a', animation_url: '' }, null, null],
  ])('an animation is kept as given: %s', (_, document, animationUrl, animationOriginal) => {
    expect(normalize(document)).toMatchObject({ animationUrl, animationOriginal });
  });

  it.each([
    ['animationUrl', { animation_url: '/1.mp4', animation: 'https://host.example/1' }],
    ['externalUrl', { external_url: 'tbd', external_link: 'https://host.example/1' }],
    ['externalUrl', { external_url: 'undefined', externalUrl: 'https://host.example/1' }],
  ])('an animation or a link is the first one that can be shown, as for an image: %s of %j', (field, document) => {
    expect(normalize(document)).toMatchObject({ [field]: 'https://host.example/1', warnings: [] });
  });

  it('an external_link is the URL of a link', () => {
    expect(normalize({ external_url: '', external_link: 'https://host.example/1' }).externalUrl).toBe(
      'https://host.example/1',
    );
  });

  it.each([
    ['unsafe_animation_url', { animation_url: 'data:text/html,<b>' }],
    ['unsafe_external_url', { external_url: 'javascript:alert(1)' }],
    ['relative_external_url', { external_url: 'tbd' }],
    ['unsafe_youtube_url', { youtube_url: 'data:image/png,1' }],
  ])('an unusable URL is removed with a warning: %s', (warning, document) => {
    expect(normalize(document)).toMatchObject({
      animationUrl: null,
      externalUrl: null,
      youtubeUrl: null,
      warnings: [warning],
    });
  });
});

describe('small fields', () => {
  it.each([
    ['ff00aa', 'ff00aa'],
    ['#FF00AA', 'ff00aa'],
    ['#F0a', 'ff00aa'],
    ['', null],
    ['red', null],
    ['ff00aa80', null],
  ])('the background colour %j is %j [F31]', (text, color) => {
    expect(normalize({ name: 'a', background_color: text }).backgroundColor).toBe(color);
  });

  it.each([
    ['18', 18],
    [18, 18],
    [0, 0],
    ['junk', null],
    [1.5, null],
    [-1, null],
    [1e99, null],
  ])('the decimals %j are %j [F32]', (value, decimals) => {
    expect(normalize({ name: 'a', decimals: value }).decimals).toBe(decimals);
  });

  it.each([['en'], [null], [{}], [{ uri: 7 }], [['a']]])('the localization %j is ignored [C29]', (localization) => {
    expect(normalize({ name: 'a', localization }).localization).toBeNull();
  });
});

describe('{id} in documents', () => {
  const document = {
    name: 'Lamp {id}',
    image: 'https://host.example/{ID}.png',
    attributes: [{ trait_type: 'Id', value: '{id}' }],
  };
  const hex = 'a'.padStart(64, '0');

  it('{id} in a document becomes the token id in values of ERC-1155 and stays in the raw document [A19]', () => {
    const metadata = normalize(document, { tokenId: '10', standard: 'erc1155' });

    expect(metadata).toMatchObject({
      name: `Lamp ${hex}`,
      imageUrl: `https://host.example/${hex}.png`,
      attributes: [{ value: hex }],
      raw: JSON.stringify(document),
    });
  });

  it.each([undefined, 'erc721' as const])('{id} in a document is kept for other standards: %s', (standard) => {
    expect(normalize(document, { standard }).name).toBe('Lamp {id}');
  });
});

describe('media instead of documents', () => {
  it('media instead of a document is the image of a token [C14]', () => {
    const decoded = describeMedia('image/png', 'https://host.example/1');

    expect(normalizeMetadata(decoded, { tokenId: '1', gateways })).toMatchObject({
      imageUrl: 'https://host.example/1',
      raw: '{"image":"https://host.example/1"}',
      warnings: ['media_instead_of_document'],
    });
  });

  it('media instead of a document is the animation of a token [C15]', () => {
    const decoded = describeMedia('video/mp4', 'https://host.example/1');

    expect(normalizeMetadata(decoded, { tokenId: '1', gateways })).toMatchObject({
      imageUrl: null,
      animationUrl: 'https://host.example/1',
    });
  });
});
