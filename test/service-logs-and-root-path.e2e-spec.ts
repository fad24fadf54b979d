import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { MetadataHost } from './support/metadata-host.js';
import { startServiceProcess, type ServiceProcess } from './support/service-process.js';

let database: Pick<TestDatabase, 'url' | 'query' | 'drop'>;
let metadataApi: MetadataHost;
const running: ServiceProcess[] = [];
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createEmptyDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  for (const service of running) await service.end('SIGTERM');
  await metadataApi.close();
  await database.drop();
});

async function start(runMode: 'all' | 'worker'): Promise<ServiceProcess> {
  const service = await startServiceProcess({ database, metadataApi }, runMode);
  running.push(service);
  return service;
}

it('a service without a terminal logs JSON lines without colours, from the migrations to the shutdown', async () => {
  const service = await start('all');
  await service.end('SIGTERM');

  const lines = service.output().trim().split('\n');
  const texts = lines.map((line) => JSON.stringify(JSON.parse(line)));

  expect(texts.some((text) => text.includes('nft-metadata-'))).toBe(true);
  // As JSON escapes the escape code.
  expect(texts.filter((text) => text.includes(String.raw`\u001b`))).toEqual([]);
});

it('GET / redirects to the documentation of the API', async () => {
  const { url } = await start('all');

  const response = await fetch(url, { redirect: 'manual' });
  const followed = await fetch(url);

  expect(response.status).toBe(302);
  expect(followed.url).toBe(`${url}/docs`);
  expect(await followed.text()).toContain('<title>NFT metadata refresh</title>');
});

it('GET / of a worker, which has no API, responds with 404', async () => {
  const { url } = await start('worker');

  expect((await fetch(url)).status).toBe(404);
});
