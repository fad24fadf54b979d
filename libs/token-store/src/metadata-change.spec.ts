import { traitDifference, traitValues } from './metadata-change.js';
import type { Attribute } from './token-metadata.js';

const attribute = (traitType: string, value: Attribute['value']): Attribute => ({
  traitType,
  value,
  valueType: 'string',
  displayType: null,
  maxValue: null,
});
const difference = (before: [string, Attribute['value']][], after: [string, Attribute['value']][]) =>
  traitDifference(
    traitValues(before.map(([type, value]) => attribute(type, value))),
    traitValues(after.map(([type, value]) => attribute(type, value))),
  );

it('the difference between two lists of traits has what was added and what was removed, each once', () => {
  expect(
    difference(
      [
        ['Fur', 'red'],
        ['Level', 1],
      ],
      [
        ['Fur', 'red'],
        ['Fur', 'blue'],
        ['Fur', 'blue'],
        ['Level', 2],
      ],
    ),
  ).toEqual({
    traitsAdded: [
      { traitType: 'Fur', value: 'blue' },
      { traitType: 'Level', value: '2' },
    ],
    traitsRemoved: [{ traitType: 'Level', value: '1' }],
    hasAllTraits: true,
  });
});

it('the difference is empty when only the order of traits, or the type of a value, has changed', () => {
  expect(
    difference(
      [
        ['A', '5'],
        ['B', 'x'],
      ],
      [
        ['B', 'x'],
        ['A', 5],
      ],
    ),
  ).toEqual({
    traitsAdded: [],
    traitsRemoved: [],
    hasAllTraits: true,
  });
});

it('the difference leaves out traits that are too long to filter by', () => {
  expect(difference([['A', 'x'.repeat(501)]], [['B'.repeat(501), 'y']])).toEqual({
    traitsAdded: [],
    traitsRemoved: [],
    hasAllTraits: true,
  });
});

it('the difference holds 100 traits and 10,000 characters at most, and says when there are more', () => {
  const short = Array.from({ length: 101 }, (_, index): [string, string] => ['T', String(index)]);
  const long = Array.from({ length: 50 }, (_, index): [string, string] => ['T', `${index}`.padEnd(499, 'x')]);

  expect(difference([], short)).toMatchObject({ traitsAdded: { length: 100 }, hasAllTraits: false });
  expect(difference([], short.slice(0, 100))).toMatchObject({ traitsAdded: { length: 100 }, hasAllTraits: true });
  expect(difference(long, [])).toMatchObject({ traitsRemoved: { length: 20 }, hasAllTraits: false });
});
