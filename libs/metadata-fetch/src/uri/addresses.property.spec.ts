import { setImmediate } from 'node:timers/promises';
import { expandAddress, expandMetadataUrl, parseMetadataUrl, trimText } from '@app/metadata-uri';
import { isPrivateHost } from '@app/safe-http';
import fc from 'fast-check';
import { parseGateways } from './gateways.js';
import { readAnimationUrl, readImageUrl, readLinkUrl } from './media-url.js';
import { locateMetadata } from './token-uri.js';

/** Of addresses (8) and documents (9), which share the time of a run. */
const PROPERTY_COUNT = 17;
/** How long each property runs with `npm run test:properties`; otherwise the number of cases is fixed. */
const SECONDS = Number(process.env['PROPERTY_RUN_SECONDS'] ?? 0) / PROPERTY_COUNT;
/** The kept seeds are run as well, on a core that may have other work. */
const TIMEOUT = SECONDS * 1000 + 300_000;
const CASES = 400;
/** Seeds that have found a bug; each run repeats them. */
const KEPT_SEEDS = [20261128, 600405510, 601589440, 601589674, 616865893];
/** The first seed of this run, shown in the title. A failure prints its own seed. */
const FRESH_SEED = Math.floor(Date.now() % 2 ** 31);

async function forMany<T>(cases: fc.Arbitrary<T>, check: (given: T) => void): Promise<void> {
  const assert = (seed: number) => fc.assert(fc.property(cases, check), { seed, numRuns: CASES });
  for (const seed of [...KEPT_SEEDS, FRESH_SEED]) assert(seed);
  const end = performance.now() + SECONDS * 1000;
  for (let seed = FRESH_SEED + 1; performance.now() < end; seed += 1) {
    assert(seed);
    await setImmediate();
  }
}

const gateways = parseGateways({ ipfsGateways: ['https://gw.example'], arweaveGateways: ['https://ar.example'] });
const ownGateways = parseGateways({
  ipfsGateways: ['https://key:s3cret@first.private.example', 'http://10.1.2.3:8080/store', 'https://gw.example'],
  arweaveGateways: ['https://ar.private.example/?key=s3cret', 'https://ar.private.example:8443'],
  allowedHosts: ['10.1.2.3:8080', 'ar.private.example:8443'],
});
const PRIVATE = /s3cret|private\.example|10\.1\.2\.3/;

const digits = (alphabet: string, length: number) =>
  fc
    .array(fc.constantFrom(...alphabet.split('')), { minLength: length, maxLength: length })
    .map((characters) => characters.join(''));
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const cid = fc.oneof(
  digits(BASE58, 44).map((rest) => `Qm${rest}`),
  digits(BASE32, 58).map((rest) => `b${rest}`),
  digits(BASE32, 14).map((rest) => `bafkqa${rest}`),
  digits('0123456789abcdef', 64).map((rest) => `f01551220${rest}`),
);
const transaction = digits('abcXYZ019_-', 43);

const fileName = fc.oneof(
  fc.constantFrom(
    '1.json',
    'My File #1.png',
    'Who?.json',
    '100%.json',
    'a%20b',
    'é🦊.svg',
    "it's",
    '(1)+,;=:@',
    '%2e%2e',
    '"',
    '\\',
    'index.html',
    '\n',
    '%',
    '%F0',
    '..json',
    '[1]',
    'ipfs',
    'x:y',
  ),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    .filter((text) => !/[/?#:]/.test(text) && !/^\s|\s$/.test(text)),
);
const query = fc.constantFrom('', '', '', '?a=b', "?a=it's&b=%2F", '?x=https://host.example/', '?', '?token=1#part');
const path = fc
  .tuple(fc.array(fileName, { maxLength: 3 }), query)
  .map(([names, rest]) => names.map((name) => `/${name}`).join('') + rest)
  // Trailing spaces and quotes of a file name are trimmed with the URI, and dot segments are rejected.
  .filter((text) => trimText(text) === text && !/['"]$/.test(text) && !/\/(?:\.|%2e){1,2}(?:[/?]|$)/i.test(text));

const publicHost = fc.constantFrom(
  'ipfs.io',
  'dweb.link',
  'gateway.pinata.cloud',
  'IPFS.io',
  'studio.mypinata.cloud',
  'ipfs.io.',
  'w3s.link:443',
);
const goneHost = fc.constantFrom('cloudflare-ipfs.com', 'ipfs.moralis.io:2053', 'ipfs.infura.io:5001', 'cf-ipfs.com');
const anyHost = fc.oneof(
  publicHost,
  goneHost,
  fc.constantFrom('host.example', 'files.host.example', 'localhost:8080', '10.0.0.7'),
);
const slashes = fc.constantFrom('', '/', '//', '///', '/'.repeat(9), '/'.repeat(500));
const scheme = fc.constantFrom('https://', 'http://', 'HTTPS://', 'https:/', 'https:');

/** An unambiguous URI of content, and its path at a gateway. */
const content = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        'ipfs:',
        'IPFS:',
        'ipfs:ipfs/',
        'ipfs://ipfs/',
        'dweb:/ipfs/',
        '/ipfs/',
        'ipfs/',
        'ipfs://ipfs/ipfs/',
        'ipfs://ipfs.io/ipfs/',
        'ipfs:/host.example/ipfs/',
        'fs:/ipfs/',
      ),
      slashes,
      cid,
    )
    .map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('ar:', 'arweave:', 'AR:'), slashes, transaction).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('ipns://', 'dweb:/ipns/'), fc.constantFrom('name.example', `k51${'a'.repeat(59)}`))
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('', 'https://', 'http://', '//', 'https//'), goneHost, cid)
    .map(([start, host, root]) => `${start}${host}/ipfs/${root}`),
  fc.tuple(slashes, cid).map((parts) => parts.join('')),
);
/** Bases that are put in front of a URI by mistake. */
const base = fc.oneof(
  fc.tuple(scheme, anyHost, fc.constantFrom('/ipfs/', '/ipns/', '/ipfs//')).map((parts) => parts.join('')),
  fc.constantFrom('ipfs://', 'ipfs:/', 'ipns://', 'ar://', 'https://', '/ipfs/', 'ipfs://ipfs/'),
  cid.map((root) => `ipfs://${root}/`),
);
const padding = fc.constantFrom('', '', ' ', '\n', '\0', ' \t\r\n', '\u00a0', '\ufeff', '\u200b', '\u0085\u2060');
const quotes = fc.constantFrom('', '', '"', "'");

/** The parts of URIs, in any order. */
const mixed = fc
  .array(
    fc.oneof(
      base,
      content,
      cid,
      fileName,
      fc.constantFrom(
        'https://',
        'ipfs://',
        'ipfs%3A%2F%2F',
        'https%253A%252F%252F',
        'data:image/png;base64,',
        'data:text/html,',
        'data:,',
        'javascript:',
        '/',
        '//',
        '/ipfs/',
        '..',
        '?',
        '#',
        '?a=',
        '@',
        'user:pw@',
        '\0',
        ' ',
        '\t',
        '"',
        '%',
        '\ud800',
        '/'.repeat(9),
        '/'.repeat(5_000),
        '{id}',
        '%7Bid%7D',
        ':8443',
        '[::1]',
        '127.1',
        '1.1.1.1.1',
        'xn--',
        '<svg',
        'www.',
        '\u202e',
        '。',
      ),
      anyHost,
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
const address = fc.oneof(
  mixed,
  fc
    .tuple(fc.array(base, { maxLength: 3 }), fc.oneof(content, mixed), path)
    .map(([bases, inner, rest]) => bases.join('') + inner + rest),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const metadataUrl = fc.oneof(
  address,
  fc
    .tuple(
      fc.constantFrom(
        'https://api.example',
        'http://api.example:80',
        'ipfs://QmYwAPJzv5CZsnAzt8auVZRnG7v9Q1YwAPJzv5CZsnAzt8',
      ),
      fc.array(
        fc.constantFrom(
          '/',
          '{id}',
          '{id_hex64}',
          '{address}',
          '%7Bid%7D',
          '?id=',
          '#',
          '.json',
          'meta',
          ' ',
          '{',
          '0x',
          '{x}',
        ),
        { maxLength: 8 },
      ),
    )
    .map(([start, rest]) => start + rest.join('')),
);
const located = (uri: string, ways = gateways) => locateMetadata(uri, { tokenId: '26' }, ways);
/** None or one of them. */
const requestsOf = (uri: string, ways = gateways) => {
  const found = located(uri, ways);
  return found.kind === 'request' ? [found] : [];
};
const READERS = [
  [readImageUrl, /^data:image\//i],
  [readAnimationUrl, /^data:(?:image|video|audio|model)\//i],
  [readLinkUrl, /^(?!)/],
] as const;
/** Parses a URI as each of the three kinds that are shown. */
const shownAs = (text: string, ways = gateways) =>
  READERS.flatMap(([read, data]) => {
    const media = read(text, ways);
    return media.kind === 'usable' ? [{ url: media.url, read, isData: data.test(media.url) }] : [];
  });
/** An http(s) URL with a host and without user info. */
const isLoadable = (text: string) => {
  const url = URL.parse(text);
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '' && `${url.username}${url.password}` === ''
  );
};
/** Also by somebody else than its creator. */
const isReachable = (text: string) => isLoadable(text) && !isPrivateHost(new URL(text).hostname);

describe(`URIs, with seed ${FRESH_SEED}`, () => {
  it(
    'URIs that are shown can be loaded by a browser',
    () =>
      forMany(address, (text) => {
        expect(shownAs(text).filter(({ url, isData }) => !isData && !isReachable(url))).toEqual([]);
      }),
    TIMEOUT,
  );

  it(
    'URIs that are requested become URLs without user info',
    () =>
      forMany(address, (text) => {
        const urls = requestsOf(text).flatMap(({ candidates }) => candidates.map(({ url }) => url));
        expect(urls.filter((url) => !isLoadable(url))).toEqual([]);
      }),
    TIMEOUT,
  );

  it(
    'URIs that are shown do not change when they are parsed again',
    () =>
      forMany(address, (text) => {
        for (const { url, read } of shownAs(text)) expect(read(url, gateways)).toEqual({ kind: 'usable', url });
      }),
    TIMEOUT,
  );

  it(
    'URIs give a document a canonical URI that leads to the same candidates',
    () =>
      forMany(address, (text) => {
        for (const found of requestsOf(text)) expect(located(found.uri)).toEqual(found);
      }),
    TIMEOUT,
  );

  it(
    'nested URIs resolve to the innermost one, as a token URI, an image, an animation and a link',
    () =>
      forMany(
        fc.record({
          bases: fc.array(base, { minLength: 1, maxLength: 5 }),
          inner: content.filter((text) => /^[a-z]+:/i.test(text)),
          path,
        }),
        ({ bases, inner, path: rest }) => {
          const nested = bases.join('') + inner + rest;

          expect(located(nested)).toEqual(located(inner + rest));
          for (const [read] of READERS) expect(read(nested, gateways)).toEqual(read(inner + rest, gateways));
          expect(located(inner + rest).kind).toBe('request');
        },
      ),
    TIMEOUT,
  );

  it(
    'URIs mean the same in white space, NULs or quotes, and percent-encoded as a whole after a gateway',
    () =>
      forMany(
        fc.record({
          inner: content.filter((text) => /^(?:ipfs|ipns|ar|https?):/i.test(text)),
          path,
          padding,
          quotes,
          isEncoded: fc.boolean(),
        }),
        ({ inner, path: rest, padding: blank, quotes: quote, isEncoded }) => {
          const uri = inner + rest;
          const written = isEncoded ? `https://ipfs.io/ipfs/${encodeURIComponent(uri)}` : uri;

          expect(located(blank + quote + written + quote + blank)).toEqual(located(uri));
          expect(readImageUrl(blank + quote + written + quote + blank, gateways)).toEqual(readImageUrl(uri, gateways));
        },
      ),
    TIMEOUT,
  );

  it(
    'URIs never show a private gateway, and give documents canonical URIs without credentials',
    () =>
      forMany(address, (text) => {
        if (PRIVATE.test(text)) return;
        expect(shownAs(text, ownGateways).filter(({ url }) => PRIVATE.test(url))).toEqual([]);
        const requests = requestsOf(text, ownGateways);
        expect(requests.filter(({ uri }) => PRIVATE.test(uri))).toEqual([]);
        const publicUrls = requests.flatMap(({ candidates }) => candidates.map(({ publicUrl }) => publicUrl));
        expect(publicUrls.filter((url) => url.includes('s3cret'))).toEqual([]);
      }),
    TIMEOUT,
  );

  it(
    'URIs that are registered as metadata URLs are stable, and every token has its own request',
    () =>
      forMany(metadataUrl, (text) => {
        const parsed = parseMetadataUrl(text);
        if (parsed.kind === 'invalid') return;
        expect(parseMetadataUrl(parsed.url)).toEqual(parsed);
        const ofCollection = expandAddress(parsed.url, `0x${'ab'.repeat(20)}`);
        const [one, other] = ['0', (2n ** 256n - 1n).toString()].map((tokenId) =>
          located(expandMetadataUrl(ofCollection, tokenId)),
        );
        expect([one!.kind, other!.kind]).toEqual(['request', 'request']);
        expect(one).not.toEqual(other);
      }),
    TIMEOUT,
  );
});
