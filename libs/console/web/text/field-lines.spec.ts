import { linesOfFields } from './field-lines.js';

const DOCUMENT = `{
  "name": "Lighthouse \\"7\\" {",
  "image": "images/7.png",
  "image_url" :
    "also/relative.png",
  "attributes": [
    { "trait_type": "name", "value": "of an attribute" },
    { "name": "Height", "value": "2026-13-40", "display_type": "date" }
  ],
  "background_color": "lamp"
}`;

it.each([
  [
    ['image', 'image_url'],
    [3, 4],
  ],
  [['name', 'title'], [2]],
  [['background_color'], [10]],
  [['attributes', 'traits'], [6]],
])('the fields %j are in the lines %j of the document', (fields, lines) => {
  expect(linesOfFields(fields, DOCUMENT)).toEqual(lines);
});

it('a field that is not at the top level is looked for in the properties', () => {
  expect(linesOfFields(['image'], '{\n"a": 1,\n"properties": {"image": "javascript:0"}\n}')).toEqual([3]);
});

it.each([
  ['No field', [], DOCUMENT],
  ['A field that is not there', ['external_url'], DOCUMENT],
  ['A field of a document of one line', ['image'], '{"image":"images/7.png"}'],
  ['A field that was cut off', ['image'], '{\n"name": "Lighth'],
])('%s has no line', (_, fields, document) => {
  expect(linesOfFields(fields, document)).toEqual([]);
});
