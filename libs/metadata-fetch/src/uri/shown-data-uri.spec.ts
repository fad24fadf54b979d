import { shownDataUri } from './shown-data-uri.js';

const header = 'data:image/svg+xml;utf8,';
const svgUri = 'data:image/svg+xml;base64,PHN2Zy8+';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('data: URIs for display', () => {
  it.each([
    ['base64', 'data:image/png;base64,iVBORw0KGgo='],
    ['base64 in lines', 'data:image/png;base64,iVBO\nRw0KGgo='],
    ['base64 with encoded padding', 'data:image/png;base64,iVBORw0KGgo%3D'],
    ['SVG without a #', `${header}<svg width='100%'/>`],
    ['SVG with an encoded #', `${header}<svg fill='%23fff'/>`],
    ['SVG with the part of it that is meant', `${header}<svg><view id='a'/></svg>#a`],
    ['encoded SVG with the part of it that is meant', 'data:image/svg+xml,%3Csvg/%3E#a'],
    ['base64 without padding', 'data:image/png;base64,iVBORw0KGg'],
    ['base64 with the part of it that is meant', `data:image/svg+xml;base64,${base64('<svg/>')}#a`],
  ])('a data: URI for display is unchanged: %s', (_, uri) => {
    expect(shownDataUri(uri)).toBe(uri);
  });

  it.each([
    ['a # in SVG (D21)', `${header}<svg fill='#fff'/>`, `${header}<svg fill='%23fff'/>`],
    [
      'a # in SVG, and the part of it that is meant (D21)',
      `${header}<svg fill='#fff'/>#a`,
      `${header}<svg fill='%23fff'/>#a`,
    ],
    [
      'a # in encoded SVG (D21)',
      'data:image/svg+xml,%3Csvg fill=%27#fff%27/%3E',
      'data:image/svg+xml,%3Csvg fill=%27%23fff%27/%3E',
    ],
    [
      'line breaks and tabs that part attributes',
      `${header}<svg\n\twidth='1'\r\n/>`,
      `${header}<svg%0A%09width='1'%0D%0A/>`,
    ],
    ['base64 of the URL-safe alphabet', 'data:image/png;base64,_-8', 'data:image/png;base64,/+8='],
    [
      'SVG that is announced as base64 (U16)',
      'data:image/svg+xml;base64,<svg/>',
      `data:image/svg+xml;base64,${base64('<svg/>')}`,
    ],
    [
      'encoded SVG that is announced as base64, with its charset (U16)',
      'data:image/svg+xml;charset=utf-8;base64,%3Csvg/%3E',
      `data:image/svg+xml;charset=utf-8;base64,${base64('<svg/>')}`,
    ],
    ['base64 before another parameter (U16)', 'data:image/svg+xml;base64;utf8,PHN2Zy8+', svgUri],
    [
      'base64 before a charset (U16)',
      'data:image/svg+xml;base64;charset=UTF-8,PHN2Zy8+',
      'data:image/svg+xml;charset=UTF-8;base64,PHN2Zy8+',
    ],
    ['SVG after base64 and another parameter (U16)', 'data:image/svg+xml;base64;utf8,<svg/>', svgUri],
    ['base64 with an equals sign too many (D21)', 'data:image/svg+xml;base64,PHN2Zy8+=', svgUri],
    ['base64 with a no-break space (D21)', 'data:image/svg+xml;base64,PHN2\u00a0Zy8+', svgUri],
    ['base64 with a zero-width space (D21)', 'data:image/svg+xml;base64,PHN2\u200bZy8+', svgUri],
    ['base64 with an encoded zero-width space (D21)', 'data:image/svg+xml;base64,PHN2%E2%80%8BZy8+', svgUri],
    ['base64 in quotes (D21)', 'data:image/svg+xml;base64,"PHN2Zy8+"', svgUri],
  ])('a data: URI for display is repaired so that a browser shows all of it: %s', (_, uri, shown) => {
    expect(shownDataUri(uri)).toBe(shown);
    expect(shownDataUri(shown)).toBe(shown);
  });

  it.each([
    ['no comma (D31)', 'data:image/svg+xml'],
    ['no content (D31)', 'data:image/svg+xml;base64,'],
    ['no content but a fragment (D31)', 'data:image/svg+xml;base64,#a'],
    ['base64 that ends too early (D21)', 'data:image/png;base64,iVBOR'],
    ['characters that base64 lacks (D21)', 'data:image/png;base64,iVB*Rw0K'],
  ])('a data: URI for display is null if it has %s', (_, uri) => {
    expect(shownDataUri(uri)).toBeNull();
  });
});
