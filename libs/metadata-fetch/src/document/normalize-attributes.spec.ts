import { parseExactly } from './exact-numbers.js';
import { isJsonObject } from './json-value.js';
import type { MetadataWarning } from './metadata-warnings.js';
import { normalizeAttributes } from './normalize-attributes.js';

const normalize = (text: string) => {
  const { value } = parseExactly(text);
  if (!isJsonObject(value)) throw new TypeError('The test needs an object');
  const warnings = new Set<MetadataWarning>();
  return { attributes: normalizeAttributes(value, (same) => same, warnings), warnings: [...warnings] };
};
/** The traits as `[type, value, kind]`. */
const traits = (document: object | string) =>
  normalize(typeof document === 'string' ? document : JSON.stringify(document)).attributes.map(
    ({ traitType, value, valueType }) => [traitType, value, valueType],
  );
const valueOf = (attribute: object) => traits({ attributes: [{ trait_type: 'x', ...attribute }] })[0]?.slice(1);

describe('lists of attributes', () => {
  it('a list of attributes is read in its order [F12]', () => {
    expect(normalize('{"attributes":[{"trait_type":"Hat","value":"Red"},{"trait_type":"Age","value":5}]}')).toEqual({
      attributes: [
        { traitType: 'Hat', value: 'Red', valueType: 'string', displayType: null, maxValue: null },
        { traitType: 'Age', value: 5, valueType: 'number', displayType: null, maxValue: null },
      ],
      warnings: [],
    });
  });

  it('an attribute keeps its display type and maximum [F13]', () => {
    const attribute = { trait_type: 'Speed', value: 5050, display_type: 'boost_number', max_value: '9000' };

    expect(normalize(JSON.stringify({ attributes: [attribute] })).attributes).toEqual([
      { traitType: 'Speed', value: 5050, valueType: 'number', displayType: 'boost_number', maxValue: 9000 },
    ]);
  });

  it.each([
    ['zero [F14]', { value: 0 }, [0, 'number']],
    ['false [F14]', { value: false }, [false, 'boolean']],
    ['true [F29]', { value: true }, [true, 'boolean']],
    ['an empty text [F14]', { value: '' }, ['', 'string']],
    ['a text with blanks around [F26]', { value: ' Red ' }, ['Red', 'string']],
    ['a list, as JSON [F15]', { value: ['b', 1, null] }, ['["b",1,null]', 'string']],
    ['an object, as canonical JSON [F15]', { value: { b: 1, a: 2 } }, ['{"a":2,"b":1}', 'string']],
    ['digits as text', { value: '12' }, ['12', 'string']],
    ['digits displayed as a number', { value: '12', display_type: 'number' }, [12, 'number']],
    ['digits displayed as a boost', { value: '1.5', display_type: 'Boost_Percentage' }, [1.5, 'number']],
    [
      'many digits displayed as a number',
      { value: '9007199254740993', display_type: 'number' },
      ['9007199254740993', 'number'],
    ],
    ['words displayed as a number', { value: 'many', display_type: 'number' }, ['many', 'string']],
    ['a word displayed as a boolean', { value: 'True', display_type: 'boolean' }, [true, 'boolean']],
  ])('an attribute keeps its value: %s', (_, attribute, expected) => {
    expect(valueOf(attribute)).toEqual(expected);
  });

  it('an attribute keeps a number that JavaScript would round as text [C28]', () => {
    expect(traits('{"attributes":[{"trait_type":"Seed","value":12345678901234567890}]}')).toEqual([
      ['Seed', '12345678901234567890', 'number'],
    ]);
  });

  it.each([
    ['seconds [F27]', 1_600_000_000, 1_600_000_000],
    ['milliseconds [F27]', 1_600_000_000_000, 1_600_000_000],
    ['seconds as text [F27]', '1600000000', 1_600_000_000],
    ['a day [F27]', '2020-09-13', 1_599_955_200],
    ['a time with its zone [F27]', '2020-09-13T14:26:40+02:00', 1_600_000_000],
    ['a time without a zone, taken for UTC [F27]', '2020-09-13T12:26:40', 1_600_000_000],
    ['a time before 1970 [F27]', -1, -1],
    ['a time as SQL prints it (D29)', '2020-09-13 12:26:40', 1_600_000_000],
    ['a time as SQL prints it, with fractions (D29)', '2020-09-13 12:26:40.500', 1_600_000_000.5],
    ['a time as SQL prints it, with the hours of its zone (D29)', '2020-09-13 14:26:40+02', 1_600_000_000],
    ['a time as Go and Ruby print it (D29)', '2020-09-13 12:26:40 +0000 UTC', 1_600_000_000],
    ['a time in UTC (D29)', '2020-09-13 12:26:40 UTC', 1_600_000_000],
    ['milliseconds as text (D29)', '1600000000000', 1_600_000_000],
  ])('a date may be given as %s', (_, value, seconds) => {
    expect(valueOf({ value, display_type: 'date' })).toEqual([seconds, 'date']);
  });

  it.each([
    ['1e99 [F27]', 1e99, [1e99, 'number']],
    ['words [F27]', 'last summer', ['last summer', 'string']],
    ['the 45th of May [F27]', '2020-05-45', ['2020-05-45', 'string']],
    ['the 30th of February (D29)', '2021-02-30', ['2021-02-30', 'string']],
    ['a day whose month is a matter of opinion (D29)', '09/13/2021', ['09/13/2021', 'string']],
    ['a truth [F27]', true, [true, 'boolean']],
  ])('an attribute keeps an invalid date unchanged: %s', (_, value, expected) => {
    expect(valueOf({ value, display_type: 'date' })).toEqual(expected);
  });

  it.each([
    ['traitType', { traitType: 'Hat', value: 'Red' }],
    ['key [F18]', { key: 'Hat', value: 'Red' }],
    ['name', { name: 'Hat', value: 'Red' }],
    ['blanks around [F26]', { trait_type: ' Hat ', value: 'Red' }],
    ['a single pair', { Hat: 'Red' }],
  ])('the name of an attribute is found: %s', (_, attribute) => {
    expect(traits({ attributes: [attribute] })).toEqual([['Hat', 'Red', 'string']]);
  });

  it('a value without a name becomes an attribute with an empty name [F17] [F23]', () => {
    expect(normalize('{"attributes":[{"value":"Red"},"Blue",7]}')).toMatchObject({
      attributes: [
        { traitType: '', value: 'Red' },
        { traitType: '', value: 'Blue' },
        { traitType: '', value: 7 },
      ],
      warnings: ['unnamed_attribute'],
    });
  });

  it('an attribute without a value is skipped, and the rest is kept [F16] [F23]', () => {
    const attributes = [
      null,
      ['a'],
      {},
      { trait_type: 'a', value: null },
      { trait_type: 'b' },
      { trait_type: 'c', value: 1 },
    ];

    expect(normalize(JSON.stringify({ attributes }))).toMatchObject({
      attributes: [{ traitType: 'c' }],
      warnings: ['skipped_attribute'],
    });
  });

  it('repeated attributes are kept, in their order [F24] [F25]', () => {
    const red = { trait_type: 'Hat', value: 'Red' };

    expect(traits({ attributes: [red, { ...red, value: 'Blue' }, red] })).toEqual([
      ['Hat', 'Red', 'string'],
      ['Hat', 'Blue', 'string'],
      ['Hat', 'Red', 'string'],
    ]);
  });

  it('a list of attributes is cut at a thousand, and long names and values at a character, each with a warning [F28]', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({ trait_type: `${index}`, value: index }));

    expect(normalize(JSON.stringify({ attributes: many }))).toMatchObject({
      attributes: { length: 1_000 },
      warnings: ['too_many_attributes'],
    });
    expect(
      normalize(
        JSON.stringify({
          attributes: [{ trait_type: `${'k'.repeat(999)}🦊${'k'.repeat(10_000)}`, value: 'v'.repeat(10_000) }],
        }),
      ),
    ).toMatchObject({
      attributes: [{ traitType: 'k'.repeat(999), value: 'v'.repeat(4_000) }],
      warnings: ['attribute_name_cut', 'attribute_value_cut'],
    });
  });
});

describe('attributes in other forms', () => {
  it.each([
    ['traits [F19]', { traits: [{ trait_type: 'Hat', value: 'Red' }] }],
    ['traits beside empty attributes', { attributes: [], traits: [{ trait_type: 'Hat', value: 'Red' }] }],
    ['a map [F20]', { attributes: { Hat: 'Red' } }],
    ['a map of objects [F20]', { attributes: { Hat: { value: 'Red' } } }],
    ['JSON text [F22]', { attributes: '[{"trait_type":"Hat","value":"Red"}]' }],
    ['JSON text of a map [F22]', { attributes: '{"Hat":"Red"}' }],
    ['traits beside an empty map (D22)', { attributes: {}, traits: [{ trait_type: 'Hat', value: 'Red' }] }],
    ['a map of traits beside an empty list (D22)', { attributes: [], traits: { Hat: 'Red' } }],
    [
      'properties as a list (D2)',
      {
        properties: [
          { key: 'Hat', value: 'Red' },
          { uri: 'x', type: 'image/png' },
        ],
      },
    ],
    ['properties as JSON text', { properties: '{"Hat":"Red"}' }],
    ['traits in properties (D24)', { properties: { traits: [{ trait_type: 'Hat', value: 'Red' }] } }],
    [
      'attributes in properties (D24)',
      { properties: { attributes: [{ trait_type: 'Hat', value: 'Red' }], files: [] } },
    ],
    ['a map of traits in properties (D24)', { properties: { traits: { Hat: 'Red' }, creator: 'Ann' } }],
    ['JSON text of traits in properties (D24)', { properties: { attributes: '[{"trait_type":"Hat","value":"Red"}]' } }],
    ['traits in properties beside an empty list (D24)', { attributes: [], properties: { traits: { Hat: 'Red' } } }],
    ['traits in attributes (D24)', { attributes: { traits: [{ trait_type: 'Hat', value: 'Red' }] } }],
    ['records (D23)', { attributes: [{ Hat: 'Red', display_type: 'string' }] }],
    [
      'names and values with NULs and blanks at their ends',
      { traits: [{ trait_type: '\0 Hat', value: '\x1bRed\0\n' }] },
    ],
    ['keys with control characters at their ends', { attributes: { '\u0007Hat\u200b': 'Red' } }],
    ['properties [F21]', { properties: { Hat: 'Red' } }],
    ['properties with values [F21]', { properties: { Hat: { value: 'Red', type: 'enum' } } }],
    ['properties with descriptions [F21]', { properties: { Hat: { description: 'Red', type: 'string' } } }],
  ])('attributes are read: %s', (_, document) => {
    expect(traits(document)).toEqual([['Hat', 'Red', 'string']]);
  });

  it('attributes are not looked for in properties if there is a list, even an empty one [F21]', () => {
    const properties = { category: 'image', title: { type: 'string', description: 'Lamp' } };

    expect(traits({ attributes: [], properties })).toEqual([]);
    expect(traits({ attributes: [{ trait_type: 'Hat', value: 'Red' }], properties })).toEqual([
      ['Hat', 'Red', 'string'],
    ]);
  });

  it('every member of an object becomes an attribute, and one without a value leaves a warning (D23)', () => {
    expect(
      normalize('{"attributes":[{"Background":"Red","Eyes":"Blue","Rank":{"value":7},"Hat":null},{"max_value":9}]}'),
    ).toMatchObject({
      attributes: [
        { traitType: 'Background', value: 'Red' },
        { traitType: 'Eyes', value: 'Blue' },
        { traitType: 'Rank', value: 7 },
      ],
      warnings: ['skipped_attribute'],
    });
  });

  it('the list of Loopring becomes two attributes (D2)', () => {
    const properties = [
      { key: 'Power', value: 'Players' },
      { key: 'Love', value: 'All' },
    ];

    expect(traits({ name: 'A', properties })).toEqual([
      ['Power', 'Players', 'string'],
      ['Love', 'All', 'string'],
    ]);
  });

  it('a list of bare values in a map becomes an attribute of that name', () => {
    expect(traits({ attributes: { Hat: 'Red', traits: ['shy', 'loud'] } })).toEqual([
      ['Hat', 'Red', 'string'],
      ['traits', '["shy","loud"]', 'string'],
    ]);
  });

  it('fields of the document that are only in properties do not become attributes', () => {
    expect(
      traits({ properties: { name: 'Lamp', image: { value: 'https://host.example/1.png' }, Hat: 'Red' } }),
    ).toEqual([['Hat', 'Red', 'string']]);
    expect(traits({ name: 'Lamp', properties: { name: 'Blue', Hat: 'Red' } })).toEqual([
      ['name', 'Blue', 'string'],
      ['Hat', 'Red', 'string'],
    ]);
  });

  it('true and false in properties become attributes that are booleans [F29]', () => {
    expect(traits({ properties: { shiny: true, cracked: false } })).toEqual([
      ['shiny', true, 'boolean'],
      ['cracked', false, 'boolean'],
    ]);
  });

  it('the fields of a document that follows the ERC-721 schema to the letter do not become attributes [F21]', () => {
    const described = (description: string) => ({ type: 'string', description });
    const properties = {
      name: described('Identifies the asset to which this NFT represents'),
      description: described('Describes the asset to which this NFT represents'),
      image: described('A URI pointing to a resource with mime type image/*'),
      Hat: described('Red'),
    };

    expect(traits({ title: 'Asset Metadata', type: 'object', properties })).toEqual([['Hat', 'Red', 'string']]);
  });

  it('a member of properties without a value does not become an attribute [F21]', () => {
    expect(
      traits({
        properties: {
          rank: { value: '7', type: 'number' },
          stage: 4,
          files: [{ uri: 'x' }],
          owner: { a: 1 },
          about: { description: 'A lamp.' },
          none: null,
        },
      }),
    ).toEqual([
      ['rank', 7, 'number'],
      ['stage', 4, 'number'],
    ]);
  });

  it('attributes in JSON text can be stored, too [C18] [C19] [F22]', () => {
    const attributes = String.raw`[{"trait_type":"a\u0000","value":"\u00007"},{"trait_type":"b","value":"\ud83e"},{"trait_type":"c","value":1e5}]`;

    expect(traits({ attributes })).toEqual([
      ['a', '7', 'string'],
      ['b', '\ufffd', 'string'],
      ['c', 100_000, 'number'],
    ]);
  });

  it.each(['oops', '7', `${'['.repeat(100)}${']'.repeat(100)}`])(
    'a text that is not a list gives no attributes: %.10s [F22]',
    (attributes) => {
      expect(normalize(JSON.stringify({ attributes }))).toEqual({ attributes: [], warnings: ['invalid_attributes'] });
    },
  );

  it.each([{ attributes: null }, { attributes: '' }, { properties: null }, {}])(
    'a value of another type gives no attributes and no warning: %j [C29]',
    (document) => {
      expect(normalize(JSON.stringify(document))).toEqual({ attributes: [], warnings: [] });
    },
  );
});

describe('maps that seem to contain traits one level deeper', () => {
  it('a map in which a JSON schema describes its attributes is not a list of traits (D24)', () => {
    expect(
      traits({ properties: { attributes: { type: 'array', description: 'Traits of the fox' } } }),
    ).not.toContainEqual(expect.arrayContaining(['type', 'array']));
  });

  it('a map with a trait named "traits" keeps its other traits (D24)', () => {
    const found = traits({ attributes: { traits: { value: 5, display_type: 'number' }, Hat: 'Red' } });

    expect(found.map(([type]) => type)).toEqual(['traits', 'Hat']);
  });
});

describe('maps that stand for a list', () => {
  const hat = { trait_type: 'Hat', value: 'Red' };
  const eyes = { trait_type: 'Eyes', value: 'Blue' };
  const both = [
    ['Hat', 'Red', 'string'],
    ['Eyes', 'Blue', 'string'],
  ];

  it.each([
    ['indices, as PHP writes them', { attributes: { 0: hat, 2: eyes } }],
    ['indices in traits', { traits: { 0: hat, 2: eyes } }],
    ['indices one level deeper', { properties: { traits: { 0: hat, 2: eyes } } }],
    ['indices in a text of JSON', { attributes: JSON.stringify({ 0: hat, 2: eyes }) }],
    ['keys that say nothing', { attributes: { first: hat, second: eyes } }],
  ])('a map that stands for a list of traits has traits with their own names: %s (D23)', (_, document) => {
    expect(traits(document)).toEqual(both);
  });

  it.each([
    ['attributes', { attributes: hat }],
    ['traits', { attributes: [], traits: hat }],
    ['properties', { properties: hat }],
    ['properties.attributes', { properties: { attributes: hat } }],
  ])('a map that stands for a list of traits is one trait in %s (D24)', (_, document) => {
    expect(traits(document)).toEqual([['Hat', 'Red', 'string']]);
  });

  it('a map that stands for a list of traits keeps digits as names if its values have none of their own (D23)', () => {
    expect(traits({ attributes: { 1: 'Red', 2: { value: 'Blue' } } })).toEqual([
      ['1', 'Red', 'string'],
      ['2', 'Blue', 'string'],
    ]);
  });
});
