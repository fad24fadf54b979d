import { isSvg } from './svg-text.js';

describe('SVG text', () => {
  it.each([
    ['its root', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['its root alone', '<svg>'],
    ['its root in capitals', '<SVG>'],
    ['its root on two lines', '<svg\n  width="1">'],
    ['its root with a prefix', '<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>'],
    ['a byte order mark', '\ufeff<svg/>'],
    ['white space', '\r\n\t <svg/>'],
    ['an XML declaration', '<?xml version="1.0" encoding="UTF-8"?>\n<svg/>'],
    ['a style sheet', '<?xml version="1.0"?><?xml-stylesheet href="a.css"?><svg/>'],
    ['a comment', '<!-- <html> --><svg/>'],
    [
      'a document type',
      '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg/>',
    ],
    ['a document type in small letters', '<!doctype svg><svg/>'],
    ['declarations in the document type', '<!DOCTYPE svg [\n<!ENTITY ns "http://www.w3.org/2000/svg">\n]>\n<svg/>'],
    ['a quoted > in the document type', '<!DOCTYPE svg SYSTEM "a>b"><svg/>'],
    ['quoted brackets in a declaration', `<!DOCTYPE svg [<!ENTITY a "]>"><!ENTITY b '[>"'>]><svg/>`],
    ['a quoted bracket before the declarations', '<!DOCTYPE svg PUBLIC "[" "]" [<!ENTITY a ">">]><svg/>'],
    ['a comment with a quote and brackets in the document type', `<!DOCTYPE svg [<!-- it's ]> --><?a ]> "?>]><svg/>`],
    ['all of it', '\ufeff <?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<!-- b -->\n<svg/>'],
  ])('a text is SVG if it begins with %s', (_, text) => {
    expect(isSvg(text)).toBe(true);
  });

  it.each([
    ['a web page', '<html><svg/></html>'],
    ['a web page with its type', '<!DOCTYPE html><svg/>'],
    ['a web page as XML', '<?xml version="1.0"?><html/>'],
    ['another element', '<svgx>'],
    ['the name alone', '<svg'],
    ['a comment without an end', '<!-- <svg/>'],
    ['an instruction without an end', '<?xml <svg/>'],
    ['a document type without an end', '<!DOCTYPE svg ['],
    ['a quoted text without an end in its document type', '<!DOCTYPE svg "><svg/>'],
    ['text', 'svg'],
    ['nothing', ''],
  ])('a text is not SVG: %s', (_, text) => {
    expect(isSvg(text)).toBe(false);
  });

  it('SVG is recognised by the start of the text only, however long the text is', () => {
    expect(isSvg(`${'<!---->'.repeat(200_000)}<svg/>`)).toBe(false);
  });
});
