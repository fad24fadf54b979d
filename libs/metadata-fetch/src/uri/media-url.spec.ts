import { parseGateways } from './gateways.js';
import { readAnimationUrl, readImageUrl, readLinkUrl } from './media-url.js';

const cid = `Qm${'a'.repeat(44)}`;
const transaction = 'b'.repeat(43);
const gateways = parseGateways({ ipfsGateways: ['https://gw.example'], arweaveGateways: ['https://ar.example'] });
const svg = '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="#fff"/></svg>';
const svgUri = (text: string) => `data:image/svg+xml;base64,${Buffer.from(text).toString('base64')}`;

describe('URLs of images', () => {
  it.each([
    ['https', 'https://host.example/a.png?x=1#y', 'https://host.example/a.png?x=1#y'],
    ['http', 'http://host.example:8080/a(1).png', 'http://host.example:8080/a(1).png'],
    ['a host alone', 'https://host.example', 'https://host.example'],
    ['blanks and quotes, encoded', 'https://host.example/a "b".png', 'https://host.example/a%20%22b%22.png'],
    ['user info, dropped', 'https://user:pass@host.example/a.png', 'https://host.example/a.png'],
    ['IPFS [F9]', `ipfs://${cid}/1.png`, `https://gw.example/ipfs/${cid}/1.png`],
    ['a bare CID [F9]', cid, `https://gw.example/ipfs/${cid}`],
    ['Arweave [F9]', `ar://${transaction}`, `https://ar.example/${transaction}`],
    ['a public gateway, as given', `https://ipfs.io/ipfs/${cid}`, `https://ipfs.io/ipfs/${cid}`],
    [
      'a picture with a raw #, whole (D21)',
      `data:image/svg+xml;utf8,${svg}`,
      `data:image/svg+xml;utf8,${svg.replace('#', '%23')}`,
    ],
    ['SVG text after a declaration', `<?xml version="1.0"?>${svg}`, svgUri(`<?xml version="1.0"?>${svg}`)],
    ['SVG text [F8]', svg, svgUri(svg)],
    ['SVG text without content [F8]', '<svg/>', 'data:image/svg+xml;base64,PHN2Zy8+'],
  ])('the URL of an image can be shown: %s', (_, text, url) => {
    expect(readImageUrl(text, gateways)).toEqual({ kind: 'usable', url });
  });

  it.each([
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://host.example/1',
    'data:text/html,<script>1</script>',
    'data:application/javascript,1',
    'data:,x',
    'data:image/svg+xml',
  ])('the URL of an image is unsafe: %j', (text) => {
    expect(readImageUrl(text, gateways)).toEqual({ kind: 'unsafe' });
  });

  it.each(['/1.png', 'image.png', './a/1.png', '//host.example/a.png', '<put your link here>', '<svgx>'])(
    'the URL of an image is relative, or not a URL: %s [F6]',
    (text) => {
      expect(readImageUrl(text, gateways)).toEqual({ kind: 'relative' });
    },
  );

  it.each([
    'ipfs://invalid/1.png',
    'https://',
    'https://<host>/1.png',
    'ar://x',
    `https://host.example/${'a'.repeat(9_000)}`,
  ])('the URL of an image is invalid: %.40s', (text) => {
    expect(readImageUrl(text, gateways)).toEqual({ kind: 'invalid' });
  });
});

describe('URLs of animations', () => {
  it.each(['data:video/mp4;base64,AAAA', 'data:audio/mpeg;base64,AAAA', 'data:image/gif;base64,AAAA'])(
    'the URL of an animation may be a video, a sound or an image: %s',
    (text) => {
      expect(readAnimationUrl(text, gateways)).toEqual({ kind: 'usable', url: text });
    },
  );

  it('the URL of an animation is never HTML in a data: URI', () => {
    expect(readAnimationUrl('data:text/html;base64,PGI+', gateways)).toEqual({ kind: 'unsafe' });
  });
});

describe('URLs of links', () => {
  it('the URL of a link is never a data: URI', () => {
    expect(readLinkUrl('data:image/png;base64,AAAA', gateways)).toEqual({ kind: 'unsafe' });
    expect(readLinkUrl('https://host.example/1', gateways)).toEqual({ kind: 'usable', url: 'https://host.example/1' });
  });
});
