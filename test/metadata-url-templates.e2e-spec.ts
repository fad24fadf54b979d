import { MetadataHost } from '@app/testing';
import { Collections, InvalidCollection } from '@app/token-store';
import { Wallet } from 'ethers';
import { http, readErrors, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
let otherHost: MetadataHost;
beforeAll(async () => {
  otherHost = await MetadataHost.start();
  test = await startApp({}, { otherHosts: [otherHost] });
});
afterAll(async () => {
  await test.stop();
  await otherHost.close();
});

it.each<[string, (address: string) => string]>([
  ['/meta/{id}.json', () => '/meta/26.json'],
  ['/meta?id={id}', () => '/meta?id=26'],
  ['/{address}/{id_hex64}', (address) => `/${address}/${'1a'.padStart(64, '0')}`],
  ['/{id}/of/{id}', () => '/26/of/26'],
  ['/meta', () => '/meta/26'],
  ['/meta/? ', () => '/meta/26'],
])(
  'a token of a collection with the metadata URL %j is fetched from the expanded URL (S3)',
  async (path, requested) => {
    const project = await test.aProject({ tokens: ['26'], metadataUrl: `${test.metadataApi.url}${path}` });

    await requestRefresh(test.app, project, ['26']);
    await test.worker.runOnce();

    const { body } = await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/26`).expect(200);
    const url = requested(project.collectionAddress);
    expect(test.metadataApi.lastUrl).toBe(url);
    expect(body).toMatchObject({ metadata_status: 'ok', metadata_url: `${test.metadataApi.url}${url}` });
  },
);

it('an error shows the URL with the token id in it, and the lane is that of the host (S3)', async () => {
  const project = await test.aProject({ tokens: ['7'], metadataUrl: `${otherHost.url}/meta/{id}.json` });
  otherHost.respond('7.json', 404);

  const refreshId = await requestRefresh(test.app, project, ['7']);
  await test.worker.runOnce();

  expect(await readErrors(test.app, project, refreshId)).toMatchObject([
    { token_id: '7', client_token_metadata_url: `${otherHost.url}/meta/7.json`, client_response_status_code: 404 },
  ]);
  expect(await test.database.query('select host from nft_metadata.lanes where project_id = $1', [project.id])).toEqual([
    { host: otherHost.host },
  ]);
});

it.each([
  ['https://api.example/meta?id=', /must not have a query/],
  ['https://{id}.api.example/', /must not have a placeholder in its host/],
  ['https://api.example/{token}', /an unknown placeholder/],
  ['ipfs://not-a-cid', /not a valid IPFS URL/],
])('a collection with the metadata URL %s is not registered (S3)', async (url, message) => {
  const address = Wallet.createRandom().address;
  const { id: projectId } = await test.aProject();

  const added = test.app
    .get(Collections)
    .add({ chainId: 1, address, projectId, source: { kind: 'metadata_api', url } });

  await expect(added).rejects.toThrow(message);
  await expect(added).rejects.toThrow(InvalidCollection);
  expect(await test.app.get(Collections).findByAddress(address)).toEqual([]);
});
