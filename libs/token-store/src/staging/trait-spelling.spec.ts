import {
  findAlikeTypes,
  findAlikeValues,
  findMixedTypes,
  findNumberTexts,
  lookOf,
  type SpelledTraitType,
} from './trait-spelling.js';

const aType = (traitType: string, given: Partial<SpelledTraitType> = {}): SpelledTraitType => ({
  traitType,
  tokens: 1,
  valueCount: 1,
  numberCount: 0,
  numberTextCount: 0,
  numberText: null,
  texts: [],
  ...given,
});

it.each([
  ['case', 'Eyes', 'eyes'],
  ['spaces around it', 'Eyes', ' Eyes\u00A0'],
  ['spaces and hyphens within', 'Left Hand', 'left-hand'],
  ['an underscore, and nothing', 'left_hand', 'LeftHand'],
  ['an invisible character', 'Eyes', 'Ey\u200Bes'],
  ['full width', 'Eyes', 'Ｅｙｅｓ'],
  ['a composed accent', 'Épée', 'E\u0301pe\u0301e'],
  ['Cyrillic letters', 'Hat', 'Нat'],
  ['Greek letters', 'Mouth', 'Μοuth'],
])('two texts look the same that differ in %s', (_, one, other) => {
  expect(lookOf(one)).toBe(lookOf(other));
});

it.each([
  ['Level 1', 'Level -1'],
  ['Épée', 'Epee'],
  ['Hat', 'Hats'],
  ['+1', '-1'],
  ['🦊', '🦝'],
])('"%s" and "%s" do not look the same', (one, other) => {
  expect(lookOf(one)).not.toBe(lookOf(other));
});

it('trait types that look the same are one problem, with all of their spellings', () => {
  const types = [aType('Eyes', { tokens: 90 }), aType('Hat'), aType('eyes', { tokens: 8 }), aType('Eyes ')];

  expect(findAlikeTypes(types)).toEqual([{ traitTypes: ['Eyes', 'eyes', 'Eyes '], values: [], tokens: 99 }]);
});

it('values are compared within their trait type, and those without letters are not', () => {
  const text = (value: string) => ({ value, tokens: 2 });
  const types = [
    aType('Hat', { texts: [text('Red'), text('Blue'), text('red')] }),
    aType('Cap', { texts: [text('RED'), text('1 2'), text('12'), text('-5')] }),
  ];

  expect(findAlikeValues(types)).toEqual([{ traitTypes: ['Hat'], values: ['Red', 'red'], tokens: 4 }]);
});

it('numbers are texts by mistake only if all values of their type are written like numbers', () => {
  const types = [
    aType('Level', { valueCount: 3, numberCount: 1, numberTextCount: 2, numberText: '7', tokens: 5 }),
    aType('Rank', { valueCount: 3, numberCount: 3 }),
    aType('Class', { valueCount: 3, numberTextCount: 2, numberText: '7' }),
  ];

  expect(findNumberTexts(types)).toEqual([{ traitTypes: ['Level'], values: ['7'], tokens: 5 }]);
});

it('a trait type is mixed if some of its values are numbers and others are words', () => {
  const texts = [
    { value: 'Max', tokens: 3 },
    { value: '9', tokens: 1 },
  ];
  const types = [
    aType('Level', { valueCount: 4, numberCount: 2, numberTextCount: 1, texts }),
    aType('Class', { valueCount: 3, numberTextCount: 1 }),
  ];

  expect(findMixedTypes(types)).toEqual([{ traitTypes: ['Level'], values: ['Max'], tokens: 3 }]);
});
