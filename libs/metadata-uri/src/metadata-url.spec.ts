import { expandAddress, expandMetadataUrl, parseMetadataUrl } from './metadata-url.js';

const cid = `Qm${'a'.repeat(44)}`;
const LARGEST = (2n ** 256n - 1n).toString();

describe('registering metadata URLs', () => {
  it.each<[string, string, string]>([
    ['as it is', 'https://api.example/meta', 'https://api.example/meta'],
    ['without blanks and line breaks around', ' https://api.example/meta/ \n', 'https://api.example/meta'],
    [
      'without invisible characters around',
      '\ufeff\u200bhttps://api.example/meta/\u00a0\u2060\0',
      'https://api.example/meta',
    ],
    ['without an empty query', 'https://api.example/meta?', 'https://api.example/meta'],
    ['without an empty fragment', 'https://api.example/meta/#', 'https://api.example/meta'],
    ['without slashes at its end', 'https://api.example/meta//', 'https://api.example/meta'],
    ['with a host alone', 'https://api.example/', 'https://api.example'],
    ['on IPFS', `ipfs://${cid}/`, `ipfs://${cid}`],
    ['on IPFS, in an old spelling', `ipfs://ipfs/${cid}`, `ipfs://ipfs/${cid}`],
    ['on Arweave', `ar://${'t'.repeat(43)}`, `ar://${'t'.repeat(43)}`],
    ['with a placeholder in its path', 'https://api.example/meta/{id}.json', 'https://api.example/meta/{id}.json'],
    ['with a placeholder at its end', 'https://api.example/meta/{id}/', 'https://api.example/meta/{id}/'],
    ['with a placeholder in its query', 'https://api.example/meta?id={id}&v=2', 'https://api.example/meta?id={id}&v=2'],
    [
      'with several placeholders',
      'https://api.example/{address}/{id}?hex={id_hex64}',
      'https://api.example/{address}/{id}?hex={id_hex64}',
    ],
    [
      'with placeholders as a browser encodes them',
      'https://api.example/%7Bid%7D.json',
      'https://api.example/{id}.json',
    ],
    ['with a placeholder for the contract alone', 'https://api.example/{address}/', 'https://api.example/{address}'],
    ['with a hexadecimal placeholder after 0x', 'https://api.example/0x{id_hex64}', 'https://api.example/0x{id_hex64}'],
    ['with a placeholder on IPFS', `ipfs://${cid}/{id}.json`, `ipfs://${cid}/{id}.json`],
    ['with a placeholder in a CID', 'ipfs://f01551220{id_hex64}', 'ipfs://f01551220{id_hex64}'],
  ])('a metadata URL is registered %s: %j (S3)', (_, text, url) => {
    expect(parseMetadataUrl(text)).toEqual({ kind: 'valid', url });
  });

  it.each<[string, string, RegExp]>([
    ['empty', ' ', /is not an http, https, ipfs, ipns or ar URL, such as/],
    ['not a URL', 'api.example/meta', /is not an http, https, ipfs, ipns or ar URL, such as/],
    ['a URL of another scheme', 'ftp://api.example/meta', /is not an http, https, ipfs, ipns or ar URL/],
    [
      'with a query',
      'https://api.example/meta?id=',
      /"https:\/\/api\.example\/meta\?id=" must not have a query .* Write \{id\} where/,
    ],
    ['with a fragment', 'https://api.example/meta#a', /must not have a query or a fragment/],
    ['with a placeholder in its fragment', 'https://api.example/meta#{id}', /must not have a fragment/],
    ['with the contract in its query alone', 'https://api.example/?of={address}', /must not have a query/],
    ['with a placeholder in its host', 'https://{id}.api.example/', /must not have a placeholder in its host/],
    ['with a placeholder in its host after a tab', 'https:/\t/{id}.api.example/', /must not have a control character/],
    [
      'with a placeholder in its host after a backslash',
      'https:/\\{address}.api.example/{id}',
      /must not have a placeholder in its host/,
    ],
    [
      'of a megabyte',
      `https://api.example/${'/'.repeat(1_000_000)}a`,
      /is too long: it may have at most 8192 characters/,
    ],
    ['with a placeholder in its port', 'https://api.example:{id}/', /must not have a placeholder in its host/],
    [
      'with an unknown placeholder',
      'https://api.example/{tokenId}',
      /unknown placeholder, \{tokenId\}\. The placeholders are \{id\}/,
    ],
    ['with a placeholder in another case', 'https://api.example/{ID}', /unknown placeholder, \{ID\}/],
    ['with an unclosed placeholder', 'https://api.example/{id', /unknown placeholder, \{\./],
    ['with decimal digits after 0x', 'https://api.example/0x{id}', /write 0x\{id_hex64\}/],
    ['with no CID', 'ipfs://not-a-cid', /not a valid IPFS URL: write "ipfs:\/\/" and a CID/],
    ['with no transaction', 'ar://short', /not a valid Arweave URL/],
    ['with a placeholder instead of a CID', 'ipfs://{id}', /not a valid IPFS URL/],
    [
      'inside another one',
      `https://ipfs.io/ipfs/ipfs://${cid}/{id}`,
      /contains another URI: register "ipfs:\/\/Qma+\/\{id\}" instead/,
    ],
    [
      'inside another one of its host',
      'https://a.example/https://a.example/1',
      /register "https:\/\/a\.example\/1" instead/,
    ],
    ['with dot segments that remove the id', 'https://api.example/{id}/..', /gives the same document for all tokens/],
    [
      'inside another one with a placeholder',
      `https://ipfs.io/ipfs/{id}ipfs://ar:${'a'.repeat(43)}\\`,
      /contains another URI/,
    ],
    ['that contains a document', 'https://ipfs.io/ipfs/data:application/json,x', /contains another URI/],
    ['too long', `https://api.example/${'a'.repeat(8190)}`, /is too long/],
  ])('a metadata URL is not registered if it is %s (S3)', (_, text, problem) => {
    expect(parseMetadataUrl(text)).toEqual({ kind: 'invalid', problem: expect.stringMatching(problem) as string });
  });

  it.each([
    'https://user:s3cret@api.example/meta',
    'https:/user:s3cret@api.example/meta',
    'https://ipfs.io/ipfs/https://user:s3cret@api.example/meta',
    'htp://user:s3cret@api.example/{x}',
  ])(
    'a metadata URL is not registered if it contains credentials, which the message does not repeat: %s (S3)',
    (text) => {
      expect(parseMetadataUrl(text)).toEqual({
        kind: 'invalid',
        problem: 'The metadata URL must not contain a user name or password: errors show it.',
      });
    },
  );
});

it.each<[string, string, string]>([
  ['https://api.example/meta', '5', 'https://api.example/meta/5'],
  ['https://api.example/meta/', '5', 'https://api.example/meta/5'],
  ['https://api.example/meta/{id}.json', '5', 'https://api.example/meta/5.json'],
  ['https://api.example/meta?id={id}', LARGEST, `https://api.example/meta?id=${LARGEST}`],
  ['https://api.example/{id}/{id_hex64}', '10', `https://api.example/10/${'a'.padStart(64, '0')}`],
  ['https://api.example/0x{id_hex64}', LARGEST, `https://api.example/0x${'f'.repeat(64)}`],
])('the metadata URL %s with token %s is %s (S3)', (metadataUrl, tokenId, url) => {
  expect(expandMetadataUrl(metadataUrl, tokenId)).toBe(url);
});

it('{address} in a metadata URL becomes the address of the contract in lower case, everywhere (S3)', () => {
  const url = expandAddress('https://api.example/{address}/{id}?of={address}', `0x${'aB'.repeat(20)}`);

  expect(url).toBe(`https://api.example/0x${'ab'.repeat(20)}/{id}?of=0x${'ab'.repeat(20)}`);
});
