import { parseGateways } from './gateways.js';
import { locateMetadata, type LocateContext } from './token-uri.js';

const cid0 = `Qm${'YwAPJzv5CZsnAzt8auVZRnG7v9Q1'.repeat(2).slice(0, 44)}`;
const cid1 = `bafybei${'g2s4w'.repeat(11).slice(0, 52)}`;
const cidBase58 = `zdj7W${'YwAPJzv5CZsnAzt8auVZRn'.repeat(2).slice(0, 44)}`;
const transaction = 'Qx7_a-9'.repeat(7).slice(0, 43);
const GW = 'https://gw.example';
const AR = 'https://ar.example';
const gateways = parseGateways({ ipfsGateways: [GW], arweaveGateways: [AR] });
const asGiven = parseGateways({ ipfsGateways: [GW], arweaveGateways: [AR], replacePublicGateways: false });

const locate = (uri: string, context: Partial<LocateContext> = {}, ways = gateways) =>
  locateMetadata(uri, { tokenId: '1', ...context }, ways);
const erc1155 = (tokenId: string): Partial<LocateContext> => ({ tokenId, standard: 'erc1155' });
const requested = (...args: Parameters<typeof locate>) => {
  const located = locate(...args);
  return located.kind === 'request' ? located.candidates.map(({ publicUrl }) => publicUrl) : located;
};
const wrap = (text: string) => `data:text/plain;base64,${Buffer.from(text).toString('base64')}`;
const inside = (uri: string) => {
  const located = locate(uri);
  return located.kind === 'document' ? Buffer.from(located.body).toString('utf8') : located;
};

describe('token URIs over HTTP', () => {
  it.each([
    ['as it is, with its query [A1]', 'https://host.example/1.json?a=b', 'https://host.example/1.json?a=b'],
    [
      'without blanks, line breaks and NULs around [A2]',
      '\0 https://host.example/1.json\n\0',
      'https://host.example/1.json',
    ],
    ['without quotes around [A3]', `'https://host.example/1.json'`, 'https://host.example/1.json'],
    ['with blanks encoded', 'https://host.example/a b.json', 'https://host.example/a%20b.json'],
    [
      'of a host that happens to have /ipfs/ [A35]',
      'https://host.example/ipfs/art/8.json',
      'https://host.example/ipfs/art/8.json',
    ],
    ['with $TOKEN_ID left alone [A23]', 'https://host.example/$TOKEN_ID', 'https://host.example/$TOKEN_ID'],
  ])('a token URI is requested %s', (_, uri, url) => {
    expect(requested(uri)).toEqual([url]);
  });

  it.each([
    ['empty [A4]', ''],
    ['blank [A5]', ' \n\0'],
    ['quoted and empty', "''"],
  ])('a token URI is missing: %s', (_, uri) => {
    expect(locate(uri)).toEqual({ kind: 'invalid', reason: 'no_uri', url: '' });
  });

  it.each([
    ['relative [A48]', '1993.json'],
    ['an absolute path', '/1993.json'],
    ['without a scheme', '//host.example/1'],
    ['without a host', 'https://'],
    ['longer than 8 KB [A49]', `https://host.example/${'a'.repeat(10_000)}`],
    ['longer than 8 KB, in IPFS [A49]', `ipfs://${cid0}/${'a'.repeat(10_000)}`],
    ['with user info [A50]', 'https://user:secret@host.example/1'],
  ])('a token URI is rejected without a request: %s', (_, uri) => {
    expect(locate(uri)).toMatchObject({ kind: 'invalid', reason: 'invalid_uri' });
  });

  it.each([
    'ftp://host.example/1',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'sha256://aa',
    'gopher://host.example',
  ])('a token URI is rejected without a request because of its scheme: %s [A47]', (uri) => {
    expect(locate(uri)).toMatchObject({ kind: 'invalid', reason: 'unsupported_scheme' });
  });

  it('a rejected token URI is shown truncated and without user info [A49] [A50]', () => {
    expect(locate(`https://user:secret@host.example/${'a'.repeat(10_000)}`)).toEqual({
      kind: 'invalid',
      reason: 'invalid_uri',
      url: `https://host.example/${'a'.repeat(179)}`,
    });
  });
});

describe('{id} in token URIs', () => {
  it.each([
    ['in 64 digits [A13]', '777', '309'],
    ['in lower case [A14]', '50101', 'c3b5'],
    ['of 2^256-1, to its last digit [A15]', (2n ** 256n - 1n).toString(), 'f'.repeat(64)],
    ['that a JavaScript number would round [A16]', '9007199254740993', '20000000000001'],
  ])('{id} in a token URI becomes the id %s', (_, tokenId, hex) => {
    expect(requested('https://host.example/{id}.json', erc1155(tokenId))).toEqual([
      `https://host.example/${hex.padStart(64, '0')}.json`,
    ]);
  });

  it.each([
    ['twice [A17]', 'https://host.example/{id}/{id}', (hex: string) => `https://host.example/${hex}/${hex}`],
    ['in upper case [A18]', 'https://host.example/{ID}', (hex: string) => `https://host.example/${hex}`],
    ['percent-encoded', 'https://host.example/%7Bid%7D', (hex: string) => `https://host.example/${hex}`],
    ['after 0x [A22]', 'https://host.example/0x{id}', (hex: string) => `https://host.example/0x${hex}`],
    ['after ipfs://', `ipfs://${cid0}/{id}.json`, (hex: string) => `${GW}/ipfs/${cid0}/${hex}.json`],
  ])('{id} in a token URI is replaced %s', (_, uri, expected) => {
    expect(requested(uri, erc1155('10'))).toEqual([expected('a'.padStart(64, '0'))]);
  });

  it('{id} in a token URI is replaced if the standard is unknown, since braces are not legal in a URL', () => {
    expect(requested('https://host.example/{id}', { tokenId: '10' })).toEqual([
      `https://host.example/${'a'.padStart(64, '0')}`,
    ]);
  });

  it('{id} in a token URI is kept for ERC-721 [A20]', () => {
    expect(requested('https://host.example/{id}', { standard: 'erc721' })).toEqual(['https://host.example/%7Bid%7D']);
  });
});

describe('token URIs in IPFS', () => {
  it.each([
    [`ipfs://${cid0}/1145.png`, '[A24]', `${cid0}/1145.png`],
    [`ipfs://ipfs/${cid0}/1.json`, '[A25]', `${cid0}/1.json`],
    [`ipfs:/ipfs/${cid0}`, '[A26]', cid0],
    [`ipfs:///ipfs/${cid0}`, '[A26]', cid0],
    [`ipfs:////ipfs///${cid0}`, '[A26]', cid0],
    [`IPFS://${cid0}`, '[A27]', cid0],
    [`Ipfs:///${cid0}`, '[A27]', cid0],
    [cid0, '[A28]', cid0],
    [`${cid0}/1`, '[A28]', `${cid0}/1`],
    [cid1, '[A29]', cid1],
    [`${cidBase58}/7`, '[A29]', `${cidBase58}/7`],
    [`/ipfs/${cid0}/abc.png`, '[A30]', `${cid0}/abc.png`],
    [`ipfs/${cid0}`, '[A30]', cid0],
    [`htt://old.example/ipfs/${cid0}`, '[A37]', cid0],
    [`ipfs://${cid0}/My File #1.json`, '[A41]', `${cid0}/My%20File%20%231.json`],
    [`ipfs://${cid0}/My%20File.json`, '[A41]', `${cid0}/My%20File.json`],
    [`ipfs://${cid0}/100%.json`, '[A41]', `${cid0}/100%25.json`],
    [`ipfs://${cid0}/Who?.json`, '[A41]', `${cid0}/Who%3F.json`],
    [`ipfs://${cid0}/é\\1.json`, '[A41]', `${cid0}/%C3%A9%5C1.json`],
    [`ipfs://${cid0}/1?ext=json`, 'with its query', `${cid0}/1?ext=json`],
  ])('a token URI in IPFS is requested from the gateway: %s %s', (uri, _, path) => {
    expect(requested(uri)).toEqual([`${GW}/ipfs/${path}`]);
  });

  it.each([
    ['ipns://name.example/x', 'name.example/x'],
    ['ipfs://ipns/name.example', 'name.example'],
    ['/ipns/name.example/1', 'name.example/1'],
  ])('a token URI in IPFS may have a name instead of a CID: %s [A40]', (uri, path) => {
    expect(requested(uri)).toEqual([`${GW}/ipns/${path}`]);
  });

  it.each([
    ['no CID [A38]', 'ipfs://invalid'],
    ['no CID but a path [A39]', 'ipfs:///path'],
    ['nothing', 'ipfs://'],
    ['a way out of /ipfs/', `ipfs://${cid0}/../../api/v0/shutdown`],
    ['an encoded way out of /ipfs/', `ipfs://${cid0}/%2e%2E/%2e./api`],
    ['no name', 'ipns://-'],
  ])('a token URI in IPFS is rejected without a request: %s', (_, uri) => {
    expect(locate(uri)).toMatchObject({ kind: 'invalid', reason: 'invalid_uri' });
  });
});

describe('public gateways in token URIs', () => {
  it.each([
    ['by path [A31]', `https://ipfs.io/ipfs/${cid0}/1.json`, `${GW}/ipfs/${cid0}/1.json`],
    ['by subdomain [A36]', `https://${cid1}.ipfs.dweb.link/1.json`, `${GW}/ipfs/${cid1}/1.json`],
    ['of a pinning service', `https://studio.mypinata.cloud/ipfs/${cid0}/1`, `${GW}/ipfs/${cid0}/1`],
    ['for a name', 'https://ipfs.io/ipns/name.example/1', `${GW}/ipns/name.example/1`],
    ['of Arweave [A43]', `https://arweave.net/${transaction}/1.json`, `${AR}/${transaction}/1.json`],
  ])('a public gateway in a token URI is requested after the configured gateways: %s', (_, uri, ours) => {
    expect(requested(uri)).toEqual([ours, uri]);
  });

  it.each([
    ['when that is switched off [A32]', `https://ipfs.io/ipfs/${cid0}/1.json`, asGiven],
    ['when /ipfs/ comes later in the path [A33]', `https://ipfs.io/ipfs/something/ipfs/${cid0}`, gateways],
    ['when no CID follows [A34]', 'http://ipfs.io/ipfs/123.jpg', gateways],
    ['when it serves its own pages', 'https://arweave.net/info', gateways],
  ])('a public gateway in a token URI is requested as given %s', (_, uri, ways) => {
    expect(requested(uri, {}, ways)).toEqual([uri]);
  });

  it('a public gateway in a token URI is requested once if it is a configured gateway', () => {
    const publicOnes = parseGateways({ ipfsGateways: ['https://ipfs.io', GW] });

    expect(requested(`https://ipfs.io/ipfs/${cid0}`, {}, publicOnes)).toEqual([
      `https://ipfs.io/ipfs/${cid0}`,
      `${GW}/ipfs/${cid0}`,
    ]);
  });
});

describe('token URIs in Arweave', () => {
  it.each([
    [`ar://${transaction}`, `${AR}/${transaction}`],
    [`ar://${transaction}/9731.json`, `${AR}/${transaction}/9731.json`],
    [`AR://${transaction}`, `${AR}/${transaction}`],
  ])('a token URI in Arweave is requested from the gateway by its transaction id: %s [A42]', (uri, url) => {
    expect(requested(uri)).toEqual([url]);
  });

  it('a token URI in Arweave is rejected without a transaction id', () => {
    expect(locate('ar://name/1')).toMatchObject({ kind: 'invalid', reason: 'invalid_uri' });
  });
});

describe('token URIs that contain the document', () => {
  it.each([
    ['inline JSON [B16]', '{"name":"a"}', '{"name":"a"}'],
    ['inline text that is no JSON [B17]', '{not json}', '{not json}'],
    ['a data: URI [B1]', 'data:application/json;base64,eyJhIjoxfQ==', '{"a":1}'],
    ['a data: URI with # and + [B11]', 'data:application/json,{"a":"#1+"}', '{"a":"#1+"}'],
    [
      'a data: URI longer than 8 KB',
      `data:application/json,{"a":"${'b'.repeat(20_000)}"}`,
      `{"a":"${'b'.repeat(20_000)}"}`,
    ],
  ])('a token URI that contains the document needs no request: %s', (_, uri, text) => {
    expect(inside(uri)).toBe(text);
  });

  it('a token URI that contains the document keeps the declared media type, and is shown without its content [B13] [B14]', () => {
    expect(locate('data:image/svg+xml;base64,PHN2Zz4=')).toMatchObject({
      kind: 'document',
      contentType: 'image/svg+xml',
      url: 'data:image/svg+xml;base64,…',
    });
  });

  it('a token URI that contains the document follows another URI inside a data: URI, one level [B18]', () => {
    expect(requested(wrap(`ipfs://${cid0}/1`))).toEqual([`${GW}/ipfs/${cid0}/1`]);
    expect(inside(wrap(wrap(`ipfs://${cid0}/1`)))).toBe(wrap(`ipfs://${cid0}/1`));
  });

  it.each([
    ['no comma [B15]', 'data:application/json', 'invalid_data_uri'],
    ['base64 garbage [B5]', 'data:application/json;base64,@@@', 'invalid_data_uri'],
    ['more than 5 MiB [B19]', `data:application/json,${'a'.repeat(5 * 1024 * 1024 + 1)}`, 'too_large'],
    ['more than 5 MiB inline', `{${' '.repeat(5 * 1024 * 1024)}}`, 'too_large'],
  ])('a token URI that contains the document is rejected: %s', (_, uri, reason) => {
    expect(locate(uri)).toMatchObject({ kind: 'invalid', reason });
  });

  it('a token URI that contains the document may contain 5 MiB after decoding [B19]', () => {
    const located = locate(`data:application/json;base64,${Buffer.alloc(5 * 1024 * 1024, 'a').toString('base64')}`);

    expect(located).toMatchObject({ kind: 'document' });
  });
});
