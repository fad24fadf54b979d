import { changedTraits, fieldWords } from './changes.js';

it('a field is called as people call it, and one with two fields once', () => {
  expect(fieldWords(['name', 'image_url', 'image_original', 'external_url', 'known_fields'])).toEqual([
    'name',
    'image',
    'website',
    'known fields',
  ]);
});

it('a trait with another value is one change, an added or removed one stands alone', () => {
  expect(
    changedTraits({
      traitsRemoved: [
        { traitType: 'Level', value: '2' },
        { traitType: 'Sealed', value: 'yes' },
      ],
      traitsAdded: [
        { traitType: 'Ship', value: 'Corvette' },
        { traitType: 'Level', value: '3' },
      ],
    }),
  ).toEqual([
    { type: 'Level', before: '2', after: '3' },
    { type: 'Sealed', before: 'yes', after: null },
    { type: 'Ship', before: null, after: 'Corvette' },
  ]);
});

it('a trait that occurs twice is paired once', () => {
  expect(
    changedTraits({
      traitsRemoved: [{ traitType: 'Gem', value: 'a' }],
      traitsAdded: [
        { traitType: 'Gem', value: 'b' },
        { traitType: 'Gem', value: 'c' },
      ],
    }),
  ).toEqual([
    { type: 'Gem', before: 'a', after: 'b' },
    { type: 'Gem', before: null, after: 'c' },
  ]);
});
