import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import {
  MetadataFetcher,
  MetadataFetchModule,
  type FetchOutcome,
  type MetadataFetchOptions,
} from '@app/metadata-fetch';
import { Test, type TestingModule } from '@nestjs/testing';
import { selfSigned, type CertificateOptions } from './support/certificate.js';
import { TlsHost } from './support/tls-host.js';

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

async function fetchUri(uri: string, options: MetadataFetchOptions = {}): Promise<FetchOutcome> {
  const imports = [MetadataFetchModule.forRoot({ allowedHosts: [host.host], deadlineMs: 2000, ...options })];
  const module = await Test.createTestingModule({ imports }).compile();
  modules.push(module);
  return module.get(MetadataFetcher).fetch({ source: { kind: 'token_uri', uri }, tokenId: '1' });
}

it('a redirect from https to http is followed [D3]', async () => {
  host.redirect('/1', `http://${host.host}/2`);

  expect(await fetchUri(`https://${host.host}/1`)).toMatchObject({ kind: 'fetched', metadata: { name: 'http /2' } });
});

it.each<[string, CertificateOptions]>([
  ['has expired', { until: new Date('2020-01-01') }],
  ['is not valid yet', { from: new Date('2090-01-01'), until: new Date('2091-01-01') }],
  ['is for another address', { address: '127.0.0.2' }],
])('a host whose certificate %s is not asked [D22]', async (_, options) => {
  const theirs = selfSigned({ from: new Date('2019-01-01'), ...options });
  setDefaultCACertificates([...authorities, theirs.cert]);
  const stranger = await TlsHost.start(theirs);

  const outcome = await fetchUri(`https://${stranger.host}/1`, { allowedHosts: [stranger.host] });
  await stranger.close();
  setDefaultCACertificates([...authorities, certificate.cert]);

  expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'tls' });
  expect(stranger.requests).toEqual([]);
});

it('a host whose certificate nobody vouches for is not asked [D22]', async () => {
  const stranger = await TlsHost.start(selfSigned());

  const outcome = await fetchUri(`https://${stranger.host}/1`, { allowedHosts: [stranger.host] });
  await stranger.close();

  expect(outcome).toMatchObject({ kind: 'unreachable', reason: 'tls' });
  expect(stranger.requests).toEqual([]);
});
