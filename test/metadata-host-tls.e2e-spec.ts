import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { MetadataFetcher, type FetchOutcome } from '@app/metadata-fetch';
import { Test, type TestingModule } from '@nestjs/testing';
import { selfSigned, type CertificateOptions } from './support/certificate.js';
import { TlsHost } from './support/tls-host.js';
import { fetchModules, type FetchOptions } from './support/fetch-modules.js';

const CID = 'QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE';
const certificate = selfSigned();
const authorities = getCACertificates('default');

let host: TlsHost;
const modules: TestingModule[] = [];
beforeAll(() => setDefaultCACertificates([...authorities, certificate.cert]));
afterAll(() => setDefaultCACertificates(authorities));
beforeEach(async () => {
  host = await TlsHost.start(certificate);
});
afterEach(async () => {
  for (const module of modules.splice(0)) await module.close();
  await host.close();
});

async function fetchUri(uri: string, options: FetchOptions = {}): Promise<FetchOutcome> {
  const imports = fetchModules({ allowedHosts: [host.host], deadlineMs: 2000, ...options });
  const module = await Test.createTestingModule({ imports }).compile();
  modules.push(module);
  return module.get(MetadataFetcher).fetch({ source: { kind: 'token_uri', uri }, tokenId: '1' });
}

const seen = () => host.requests.map(({ scheme, path, headers }) => [scheme, path, headers['x-gateway-token']]);

describe('credentials of gateways', () => {
  const viaGateway = (scheme: string) =>
    fetchUri(`ipfs://${CID}/1`, { ipfsGateways: [`${scheme}://${host.host}/#x-gateway-token=token`] });

  it('the credentials of a gateway go along with a redirect within its origin [A45]', async () => {
    host.redirect(`/ipfs/${CID}/1`, '/elsewhere');

    expect(await viaGateway('https')).toMatchObject({ kind: 'fetched', metadata: { name: 'https /elsewhere' } });
    expect(seen()).toEqual([
      ['https', `/ipfs/${CID}/1`, 'token'],
      ['https', '/elsewhere', 'token'],
    ]);
  });

  it.each([
    ['from https to http', 'https', 'http'],
    ['from http to https', 'http', 'https'],
  ])(
    'the credentials of a gateway stay behind at a redirect %s, on the same host and port too [A45]',
    async (_, from, to) => {
      host.redirect(`/ipfs/${CID}/1`, `${to}://${host.host}/elsewhere`);

      expect(await viaGateway(from)).toMatchObject({ kind: 'fetched', metadata: { name: `${to} /elsewhere` } });
      expect(seen()).toEqual([
        [from, `/ipfs/${CID}/1`, 'token'],
        [to, '/elsewhere', undefined],
      ]);
    },
  );

  it('the credentials of a gateway stay behind at a redirect to another port, and do not come back with the next one [A45]', async () => {
    const other = await TlsHost.start(certificate);
    host.redirect(`/ipfs/${CID}/1`, `https://${other.host}/there`);
    other.redirect('/there', `https://${host.host}/back`);

    const outcome = await fetchUri(`ipfs://${CID}/1`, {
      allowedHosts: [host.host, other.host],
      ipfsGateways: [`https://${host.host}/#x-gateway-token=token`],
    });
    await other.close();

    expect(outcome).toMatchObject({ kind: 'fetched', metadata: { name: 'https /back' } });
    expect(other.requests.map(({ headers }) => headers['x-gateway-token'])).toEqual([undefined]);
    expect(seen()).toEqual([
      ['https', `/ipfs/${CID}/1`, 'token'],
      ['https', '/back', undefined],
    ]);
  });
});

it('a redirect from https to http is followed [D3]', async () => {
  host.redirect('/1', `http://${host.host}/2`);

  expect(await fetchUri(`https://${host.host}/1`)).toMatchObject({ kind: 'fetched', metadata: { name: 'http /2' } });
});

it.each<[string, CertificateOptions]>([
  ['has expired', { until: new Date('2020-01-01') }],
  ['is not valid yet', { from: new Date('2090-01-01'), until: new Date('2091-01-01') }],
  ['is for another address', { address: '127.0.0.2' }],
])('a host whose certificate %s is not requested [D22]', async (_, options) => {
  const theirs = selfSigned({ from: new Date('2019-01-01'), ...options });
  setDefaultCACertificates([...authorities, theirs.cert]);
  const stranger = await TlsHost.start(theirs);

  const outcome = await fetchUri(`https://${stranger.host}/1`, { allowedHosts: [stranger.host] });
  await stranger.close();
  setDefaultCACertificates([...authorities, certificate.cert]);

  expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'tls' });
  expect(stranger.requests).toEqual([]);
});

it('a host whose certificate no known authority has signed is not requested [D22]', async () => {
  const stranger = await TlsHost.start(selfSigned());

  const outcome = await fetchUri(`https://${stranger.host}/1`, { allowedHosts: [stranger.host] });
  await stranger.close();

  expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'tls' });
  expect(stranger.requests).toEqual([]);
});
