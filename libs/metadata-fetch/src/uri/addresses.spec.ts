import { parseGateways } from './gateways.js';
import { readAnimationUrl, readImageUrl, readLinkUrl } from './media-url.js';
import { locateMetadata } from './token-uri.js';
import { appendTokenId } from './uri-rule.js';

const cid = `Qm${'YwAPJzv5CZsnAzt8auVZRnG7v9Q1'.repeat(2).slice(0, 44)}`;
const cid1 = `bafybei${'g2s4w'.repeat(11).slice(0, 52)}`;
const name = `k51${'qzi5uqu5dh'.repeat(6).slice(0, 59)}`;
const transaction = 'Qx7_a-9'.repeat(7).slice(0, 43);
const GW = 'https://gw.example';
const AR = 'https://ar.example';
const gateways = parseGateways({ ipfsGateways: [GW], arweaveGateways: [AR] });
const document = 'data:application/json;base64,eyJuYW1lIjoiQSJ9';

/** What is requested for a token URI; of a document in the URI, its text; else the reason. */
function located(uri: string, ways = gateways): unknown {
  const found = locateMetadata(uri, { tokenId: '1' }, ways);
  switch (found.kind) {
    case 'request':
      return found.candidates.map(({ publicUrl }) => publicUrl);
    case 'document':
      return Buffer.from(found.body).toString('utf8');
    case 'invalid':
      return found.reason;
  }
}

/** The same address as an image, an animation and a link. */
const shown = (text: string) =>
  [readImageUrl, readAnimationUrl, readLinkUrl].map((read) => {
    const media = read(text, gateways);
    return media.kind === 'usable' ? media.url : media.kind;
  });

describe('content that is requested only from the configured gateways, and shown through one', () => {
  it.each<[string, string, string]>([
    [`/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U4)'],
    [`//${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U4)'],
    [`https://ipfs.io/ipfs/ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs://ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs://ipfs/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://api.example/metadata/ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs://${cid1}/ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ar://${transaction}/ipfs:/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs://${cid1}ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://api.example/metaipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://api.example/meta.ipns://${name}/1.json`, `/ipns/${name}/1.json`, '(U5)'],
    [`https://api.example/metahttps://ipfs.infura.io/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`/ipfs/ipfs://${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://ipfs.io/ipfs/ipfs%3A%2F%2F${cid}%2F1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://ipfs.io/ipfs/https%253A%252F%252Fipfs.infura.io%252Fipfs%252F${cid}`, `/ipfs/${cid}`, '(U5)'],
    [`ipfs%3A%2F%2F${cid}%2F1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`https://ipfs.moralis.io:2053/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U6)'],
    [`https://cloudflare-ipfs.com/ipfs/${cid}`, `/ipfs/${cid}`, '(U6)'],
    [`https://${cid1}.ipfs.cf-ipfs.com/1.json`, `/ipfs/${cid1}/1.json`, '(U6)'],
    [`https://key:secret@ipfs.infura.io:5001/ipfs/${cid}`, `/ipfs/${cid}`, '(U6)'],
    [`http://localhost:8080/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U6)'],
    [`http://192.168.0.7/ipns/${name}`, `/ipns/${name}`, '(U6)'],
    [`http://${cid1}.ipfs.localhost:8080/1.json`, `/ipfs/${cid1}/1.json`, '(U6)'],
    [`http://${cid1}.ipfs.localhost:8080`, `/ipfs/${cid1}`, '(U6)'],
    [`http://${name}.ipns.localhost/1.json`, `/ipns/${name}/1.json`, '(U6)'],
    [`//localhost:8080/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U6)'],
    [`localhost:8080/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U6)'],
    [`//${cid1}.ipfs.localhost:8080/1.json`, `/ipfs/${cid1}/1.json`, '(U6)'],
    [`gateway.pinata.cloud/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`//ipfs.io/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`https//ipfs.io/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`://ipfs.io/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`files.example/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`ipfs.io:443/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`${cid1}.ipfs.dweb.link/1.json`, `/ipfs/${cid1}/1.json`, '(U7)'],
    [`https://ipfs.io/ipfs/gateway.pinata.cloud/ipfs/${cid}/1`, `/ipfs/${cid}/1`, '(U7)'],
    [`dweb:/ipfs/${cid}/1`, `/ipfs/${cid}/1`, '(U8)'],
    [`dweb:///ipfs/${cid}/1`, `/ipfs/${cid}/1`, '(U8)'],
    [`fs:/ipfs/${cid}`, `/ipfs/${cid}`, '(U8)'],
    [`dweb://${cid}/1`, `/ipfs/${cid}/1`, '(U8)'],
    [`dweb:/${cid}`, `/ipfs/${cid}`, '(U8)'],
    ['dweb:/ipns/name.example/1', '/ipns/name.example/1', '(U8)'],
    [`https://ipfs.gitcoin.co:443/api/v0/cat/${cid}`, `/ipfs/${cid}`, '(U13)'],
    [`https://ipfs.infura.io:5001/api/v0/cat?arg=${cid}`, `/ipfs/${cid}`, '(U13)'],
    [`https://ipfs.io/api/v0/cat?arg=/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U13)'],
    ['ipfs://bafkqadcinfrgcytmn5xg4', '/ipfs/bafkqadcinfrgcytmn5xg4', '(U14)'],
    [`ipfs://${cid}#arc3`, `/ipfs/${cid}`, '(U14)'],
    [`ipfs://${cid}/1.json?`, `/ipfs/${cid}/1.json`, '(U18)'],
    [`ipfs://${cid}/Who?.json`, `/ipfs/${cid}/Who%3F.json`, '(U18)'],
    [`ipfs://${cid}/Wookz#525.png`, `/ipfs/${cid}/Wookz%23525.png`, '(U1)'],
    [`ipfs://${cid}/\u017f\u212a.png`, `/ipfs/${cid}/%C5%BF%E2%84%AA.png`, '(U1)'],
    [`ipfs:${cid}`, `/ipfs/${cid}`, '(U3)'],
    [`ipns://${name}/1.json`, `/ipns/${name}/1.json`, '(U10)'],
    [`ipfs://f01551220${'0'.repeat(63)}5`, `/ipfs/f01551220${'0'.repeat(63)}5`, '(U9)'],
    [`ipfs://ipfs.io/ipfs/${cid}/1.json`, `/ipfs/${cid}/1.json`, '(U7)'],
    [`ipfs:/files.example/ipfs/${cid}`, `/ipfs/${cid}`, '(U7)'],
    [`ipfs://gateway.pinata.cloud/ipns/${name}/1`, `/ipns/${name}/1`, '(U7)'],
    [`ipns://IPFS.io/ipns/${name}/1`, `/ipns/${name}/1`, '(U7)'],
    [`ipfs://${cid1}.ipfs.dweb.link/1.json`, `/ipfs/${cid1}/1.json`, '(U7)'],
    [`ipfs://${cid}%2F1.json`, `/ipfs/${cid}/1.json`, '(U5)'],
    [`ipfs://${cid}%252Fa%252F1.json`, `/ipfs/${cid}/a/1.json`, '(U5)'],
    [`ipfs://${cid}%2FWookz%23525.png`, `/ipfs/${cid}/Wookz%23525.png`, '(U1)'],
    [`/ipfs/${cid}%3Fa=b`, `/ipfs/${cid}?a=b`, '(U20)'],
    [`${cid}%2F1.json`, `/ipfs/${cid}/1.json`, '(U4)'],
    [`\u200b\ufeff"\u00a0ipfs://${cid}/1.json\u200b\0"\u2060\n`, `/ipfs/${cid}/1.json`, '(U20)'],
  ])(
    'content written as %s is requested only from the configured gateways, and shown through one, at %s %s',
    (uri, path) => {
      expect(located(uri)).toEqual([`${GW}${path}`]);
      expect(shown(uri)).toEqual([`${GW}${path}`, `${GW}${path}`, `${GW}${path}`]);
    },
  );

  it.each<[string, string, string]>([
    [`arweave://${transaction}/1`, `/${transaction}/1`, '(U12)'],
    [`arweave.net/${transaction}`, `/${transaction}`, '(U7)'],
    [`https://arweave.net/ar://${transaction}`, `/${transaction}`, '(U5)'],
    [`https://api.example/metaar://${transaction}/1`, `/${transaction}/1`, '(U5)'],
    [`ar://ar://${transaction}/1`, `/${transaction}/1`, '(U5)'],
  ])(
    'content written as %s is requested only from the configured gateways, and shown through one, at %s %s',
    (uri, path) => {
      expect(located(uri)).toEqual([`${AR}${path}`]);
      expect(shown(uri)).toEqual([`${AR}${path}`, `${AR}${path}`, `${AR}${path}`]);
    },
  );
});

describe('URLs of public gateways', () => {
  it.each<[string, string, string, string]>([
    [
      `https://ipfs.io/ipfs/https://ipfs.io/ipfs/${cid}/1.json`,
      `/ipfs/${cid}/1.json`,
      `https://ipfs.io/ipfs/${cid}/1.json`,
      '(U5)',
    ],
    [`ipfs://https://dweb.link/ipfs/${cid}/1`, `/ipfs/${cid}/1`, `https://dweb.link/ipfs/${cid}/1`, '(U5)'],
    [`https://https://ipfs.io/ipfs/${cid}`, `/ipfs/${cid}`, `https://ipfs.io/ipfs/${cid}`, '(U5)'],
    [
      `https://proxy.example/fit/300/https://ipfs.io/ipfs/${cid}`,
      `/ipfs/${cid}`,
      `https://ipfs.io/ipfs/${cid}`,
      '(U5)',
    ],
    [
      `https:/gateway.pinata.cloud/ipfs/${cid}/1`,
      `/ipfs/${cid}/1`,
      `https://gateway.pinata.cloud/ipfs/${cid}/1`,
      '(U3)',
    ],
    [`https://${name}.ipns.dweb.link/1.json`, `/ipns/${name}/1.json`, `https://${name}.ipns.dweb.link/1.json`, '(U11)'],
    [
      'https://my--docs-name-example.ipns.dweb.link/1',
      '/ipns/my-docs.name.example/1',
      'https://my--docs-name-example.ipns.dweb.link/1',
      '(U11)',
    ],
    [`https://ipfs.io./ipfs/${cid}/1`, `/ipfs/${cid}/1`, `https://ipfs.io./ipfs/${cid}/1`, '(U11)'],
    [
      `https://ipfs.io/ipfs/${cid}/My File #1.json`,
      `/ipfs/${cid}/My%20File%20%231.json`,
      `https://ipfs.io/ipfs/${cid}/My%20File%20%231.json`,
      '(U17)',
    ],
    [`https://ipfs.io//ipfs/${cid}`, `/ipfs/${cid}`, `https://ipfs.io//ipfs/${cid}`, '(U11)'],
  ])(
    'the URL of a public gateway %s is requested after the configured gateways, and shown unchanged',
    (uri, path, url) => {
      expect(located(uri)).toEqual([`${GW}${path}`, url]);
      expect(shown(uri)).toEqual([url, url, url]);
    },
  );

  it.each([
    [`https://ipfs.io/ipfs/${cid}#1.png`, '(U14)'],
    [`https://ipfs.io/ipfs/${cid}/film.mp4#t=10.25`, '(U17)'],
    [`https://ipfs.io/ipfs/${cid}/index.html#/token/1.json`, '(U17)'],
  ])('the URL %s is shown unchanged, because its fragment is not a file name %s', (uri) => {
    expect(shown(uri)).toEqual([uri, uri, uri]);
  });
});

describe('URLs of other hosts', () => {
  it.each([
    [`https://files.example/ipfs/${cid}/1.json`, '(U10)'],
    [`http://8.8.8.8/ipns/${name}/1.json`, '(U10)'],
    ['https://proxy.example/https://other.example/1.json', '(U5)'],
    [`https://proxy.example/?url=ipfs://${cid}/1.json`, '(U5)'],
    ['https://api.example/metahttps://other.example/1.json', '(U5)'],
    ['https://api.example/metaipfs://invalid', '(U5)'],
    [`https://${cid1}.ipfs.files.example/1.json`, '(U10)'],
    [`https://storage.example/o/ipfs%3A%2F%2F${cid}?alt=media`, '(U5)'],
    ['https://ipfs.io/ipfs/ipfs://invalid', '(U5)'],
    [`https://${'a'.repeat(52)}.arweave.net/${transaction}`, '(U12)'],
    [`https://gateway.irys.xyz/${transaction}`, '(U12)'],
    [`https://node.example/api/v0/cat?arg=${cid}`, '(U13)'],
  ])('a URL of another host is requested and shown unchanged, whatever its path: %s %s', (uri) => {
    expect(located(uri)).toEqual([uri]);
    expect(shown(uri)).toEqual([uri, uri, uri]);
  });

  it.each([
    ['https://api.example/meta/https://api.example/meta/1.json', 'https://api.example/meta/1.json', '(U5)'],
    ['ipfs://https://other.example/1.json', 'https://other.example/1.json', '(U5)'],
    [`ipfs://${cid}/https://other.example/1.json`, 'https://other.example/1.json', '(U5)'],
    ['https://ipfs.io/ipfs/https://other.example/1.json', 'https://other.example/1.json', '(U5)'],
    ['https://https://other.example/1.json', 'https://other.example/1.json', '(U5)'],
  ])('the nested URL %s is unambiguous and becomes %s %s', (uri, url) => {
    expect(located(uri)).toEqual([url]);
    expect(shown(uri)).toEqual([url, url, url]);
  });
});

describe('content inside data: URIs', () => {
  it.each([
    [`https://ipfs.io/ipfs/${document}`, '(U5)'],
    [`ipfs://${document}`, '(U5)'],
    [`https://api.example/metadata/${document}`, '(U5)'],
    [`https://ipfs.io/ipfs/https://ipfs.io/ipfs/${document}`, '(U5)'],
  ])('content inside a data: URI is read without a request: %s %s', (uri) => {
    expect(located(uri)).toBe('{"name":"A"}');
    expect(shown(uri)[2]).toBe('unsafe');
  });

  it('content inside a data: URI may be longer than a URL, and may contain URIs and placeholders (U5)', () => {
    const text = `{"image":"https://host.example/ipfs://${cid}","id":"{id}","rest":"${'x'.repeat(10_000)}"}`;

    expect(located(`https://ipfs.io/ipfs/data:application/json,${text}`)).toBe(text);
  });

  it('content inside a data: URI is shown if it is an image (U5)', () => {
    expect(readImageUrl('https://ipfs.io/ipfs/data:image/png;base64,AAAA', gateways)).toEqual({
      kind: 'usable',
      url: 'data:image/png;base64,AAAA',
    });
    expect(readImageUrl('https://ipfs.io/ipfs/data:text/html,<b>', gateways)).toEqual({ kind: 'unsafe' });
  });

  it('content inside a data: URI is read as JSON if it starts like JSON, although the URI declares base64 (U16)', () => {
    expect(located('data:application/json;base64,{"name":"A"}')).toBe('{"name":"A"}');
    expect(located('data:application/json;base64,%7B%22name%22:%22A%22%7D')).toBe('{"name":"A"}');
    expect(located('data:application/json;base64,@@@')).toBe('invalid_data_uri');
  });

  it.each([`dweb:/ipfs/${cid}/1`, `https://ipfs.io/ipfs/ipfs://${cid}/1`, `/ipfs/${cid}/1`])(
    'content inside a data: URI may be another address, of any form: %s (U8)',
    (uri) => {
      expect(located(`data:text/plain,${uri}`)).toEqual([`${GW}/ipfs/${cid}/1`]);
    },
  );
});

describe('parsing the result of parsing', () => {
  it.each([
    // Found by the property tests: dot segments, file names with `?`, and URIs that were encoded and nested in turn.
    'https://ipfs.io/ipfs/ipns://name.example/$/%2e%2e?a=b',
    `ipfs://${cid}/?ipfs://${cid1}/https://host.example/ipfs/`,
    `https://cloudflare-ipfs.com/ipfs/https://cloudflare-ipfs.com/ipfs/ipfs%3A%2F%2Fipfs://${cid}/`,
    `https://cloudflare-ipfs.com/ipfs/ipfs://${cid1}/ipfs%3A%2F%2Fipfs://${cid}/`,
    `https://ipfs.io/ipfs/ipns://name.example?a=it's`,
    `https://localhost:8080/ipfs/${cid}/ipfs/1.jsonipfs://https:///A`,
  ])('parsing the result of parsing changes nothing (U5): %s', (uri) => {
    const found = locateMetadata(uri, { tokenId: '1' }, gateways);
    const image = readImageUrl(uri, gateways);

    expect(found).toMatchObject({ kind: 'request' });
    expect(found.kind === 'request' && locateMetadata(found.uri, { tokenId: '1' }, gateways)).toEqual(found);
    expect(image.kind === 'usable' && readImageUrl(image.url, gateways)).toEqual(image);
  });

  it('a URL that contains another one without its user info gives the other one (U5)', () => {
    expect(readImageUrl(`ipfs://${cid}/https://#(1)+,;=:@https://ipfs://${cid}/`, gateways)).toEqual({
      kind: 'usable',
      url: `${GW}/ipfs/${cid}`,
    });
  });

  it('a nested URI without its user info gives no other URI (U5)', () => {
    const url = 'https://ipfs//https://cloudflare-ipfs.com/ipfs/1';

    expect(readImageUrl('https://user:pw@ipfs://https://cloudflare-ipfs.com/ipfs/1', gateways)).toEqual({
      kind: 'usable',
      url,
    });
    expect(readImageUrl(url, gateways)).toEqual({ kind: 'usable', url });
  });

  it('a URI is searched for at most a dozen nested URIs (U5)', () => {
    expect(located(`${'https://ipfs.io/ipfs/'.repeat(10)}ipfs://${cid}`)).toEqual([`${GW}/ipfs/${cid}`]);
    expect(located('ipfs://'.repeat(1000))).toBe('invalid_uri');
  });
});

describe('texts that are not URIs', () => {
  it.each<[string, string, string[], string]>([
    ['1.json', 'invalid_uri', ['relative', 'relative', 'relative'], '(D17)'],
    ['//host.example/1.png', 'invalid_uri', ['relative', 'relative', 'relative'], '(U7)'],
    ['eyJuYW1lIjoiQSJ9', 'invalid_uri', ['relative', 'relative', 'relative'], '(U15)'],
    ['bzz://c0ffee', 'unsupported_scheme', ['unsafe', 'unsafe', 'unsafe'], '(U19)'],
    ['dweb:/ipfs/art/1.json', 'unsupported_scheme', ['unsafe', 'unsafe', 'unsafe'], '(U8)'],
    ['arweave://short', 'invalid_uri', ['invalid', 'invalid', 'invalid'], '(U12)'],
    [`javascript:alert(1)//ipfs://${cid}`, 'unsupported_scheme', ['unsafe', 'unsafe', 'unsafe'], '(U5)'],
    ['ipfs://javascript:alert(1)', 'invalid_uri', ['invalid', 'invalid', 'invalid'], '(U5)'],
    [`ipfs://${cid}/../ipfs://`, 'invalid_uri', ['invalid', 'invalid', 'invalid'], '(U5)'],
  ])('a text that is not a URI is not requested: %s: %s %s %s', (uri, reason, kinds) => {
    expect(located(uri)).toBe(reason);
    expect(shown(uri)).toEqual(kinds);
  });

  it('a URI that is refused shows no credentials of a nested URI (U5)', () => {
    const uri = 'https://ipfs.io/ipfs/https://user:secret@host.example/1.json';

    expect(locateMetadata(uri, { tokenId: '1' }, gateways)).toEqual({
      kind: 'invalid',
      reason: 'invalid_uri',
      url: 'https://ipfs.io/ipfs/https://host.example/1.json',
    });
  });
});

describe('links without a scheme', () => {
  it.each([
    ['www.app.example/1', 'https://www.app.example/1'],
    ['www.app.example', 'https://www.app.example'],
    ['app.example/1?a=b', 'https://app.example/1?a=b'],
  ])('a link without a scheme %s leads to %s (U7)', (text, url) => {
    expect(readLinkUrl(text, gateways)).toEqual({ kind: 'usable', url });
    expect(readImageUrl(text, gateways).kind).not.toBe('usable');
  });

  it.each(['app.example', 'index.html', '/about', './a.b/c', '//app.example/1', 'v1.0/index'])(
    'a text that may be a file name is not a link: %s (U7)',
    (text) => {
      expect(readLinkUrl(text, gateways)).toEqual({ kind: 'relative' });
    },
  );
});

describe('URLs on private hosts', () => {
  it.each([
    'http://127.0.0.1/1.png',
    'http://10.1.2.3:8080/1.png',
    'http://localhost/1',
    'https://[::1]/1',
    'https://art.local/1',
  ])('a URL on a private host is shown neither as an image nor as an animation or a link: %s (U6)', (text) => {
    expect(shown(text)).toEqual(['private', 'private', 'private']);
  });

  it('a URL on a private host is shown if the operator allows the host (U6)', () => {
    const ways = parseGateways({ ipfsGateways: [GW], allowedHosts: ['localhost:8080'] });

    expect(readImageUrl('http://localhost:8080/1.png', ways)).toEqual({
      kind: 'usable',
      url: 'http://localhost:8080/1.png',
    });
    expect(readImageUrl('http://localhost:8081/1.png', ways)).toEqual({ kind: 'private' });
  });
});

describe('private gateways', () => {
  it.each([
    ['needs a header', 'https://one.example/#x-gateway-token=secret', []],
    ['needs a key', 'https://one.example/?key=secret', []],
    ['is a private address', 'http://10.0.0.7', []],
    ['is this machine', 'http://localhost', []],
    ['has a private name', 'http://kubo.internal', []],
    ['is exempt from the address filter', 'https://kubo.studio.example:8080', ['kubo.studio.example:8080']],
  ])('a private gateway is requested, and never shown, when it %s (S1)', (_, gateway, allowedHosts) => {
    const ways = parseGateways({ ipfsGateways: [gateway, GW], arweaveGateways: [gateway], allowedHosts });

    expect(located(`ipfs://${cid}/1`, ways)).toEqual([
      `${new URL(gateway).origin}/ipfs/${cid}/1`,
      `${GW}/ipfs/${cid}/1`,
    ]);
    expect(readImageUrl(`ipfs://${cid}/1`, ways)).toEqual({ kind: 'usable', url: `${GW}/ipfs/${cid}/1` });
    expect(readAnimationUrl(`ar://${transaction}`, ways)).toEqual({
      kind: 'usable',
      url: `https://arweave.net/${transaction}`,
    });
  });

  it('a private gateway does not change the URI of a document, which is the same for all gateways (S1)', () => {
    const own = parseGateways({ ipfsGateways: ['http://10.0.0.7', GW] });
    const names = [gateways, own].map((ways) => locateMetadata(`ipfs:/ipfs/${cid}/a b`, { tokenId: '1' }, ways));

    expect(names).toMatchObject([{ uri: `ipfs://${cid}/a%20b` }, { uri: `ipfs://${cid}/a%20b` }]);
  });

  it('a private gateway is requested as given if it is in allowedHosts and a URL names it (U6)', () => {
    const ways = parseGateways({ ipfsGateways: [GW], allowedHosts: ['localhost:8080'] });

    expect(located(`http://localhost:8080/ipfs/${cid}`, ways)).toEqual([`http://localhost:8080/ipfs/${cid}`]);
  });
});

it('slashes without end are read as quickly as any other text of their length', () => {
  const slashes = `https://a${'/'.repeat(7_700)}${'https://b/'.repeat(12)}c`;

  // With time that grows with the square of their number this would take minutes.
  for (let time = 0; time < 50; time += 1) expect(shown(slashes)).toHaveLength(3);
  expect(appendTokenId(`https://a${'/'.repeat(1_000_000)}b/`, '1')).toMatch(/\/b\/1$/);
});
