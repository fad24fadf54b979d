import { linesOfWarning } from './warning-lines.js';

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
  ['relative_image', [3, 4]],
  ['name_cut', [2]],
  ['nested_name', [2]],
  ['invalid_background_color', [10]],
  ['invalid_date', [6]],
  ['unnamed_attribute', [6]],
  ['invalid_attributes', [6]],
])('the warning %s is about the lines %j of the document', (code, lines) => {
  expect(linesOfWarning(code, DOCUMENT)).toEqual(lines);
});

it('a field that is not at the top level is looked for in the properties', () => {
  expect(linesOfWarning('unsafe_image', '{\n"a": 1,\n"properties": {"image": "javascript:0"}\n}')).toEqual([3]);
});

it.each([
  ['about the whole document', 'invalid_utf8', DOCUMENT],
  ['of a fetcher of the application', 'constructor', DOCUMENT],
  ['about a field that is not there', 'relative_external_url', DOCUMENT],
  ['about a document of one line', 'relative_image', '{"image":"images/7.png"}'],
  ['about a document that was cut off', 'relative_image', '{\n"name": "Lighth'],
])('a warning %s leads to no line', (_, code, document) => {
  expect(linesOfWarning(code, document)).toEqual([]);
});
