import { startServiceProcess, type ServiceProcess } from './support/service-process.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
let services: ServiceProcess[] = [];
beforeAll(async () => {
  test = await startApp();
  services = await Promise.all(Array.from({ length: 4 }, () => startServiceProcess(test, 'api')));
});
afterAll(async () => {
  for (const service of services) service.process.kill('SIGKILL');
  await test.stop();
});

const post = async (url: string, apiKey: string, body: object) =>
  fetch(`${url}/v1/metadata-refreshes`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

it('200 requests of 1,000 tokens at once, over four processes, are accepted 30 times and refused 170 times', async () => {
  const token_ids = Array.from({ length: 1000 }, (_, id) => String(id));
  const project = await test.aProject({ tokens: token_ids, limits: { requestsPerSecond: 1000 } });
  const body = { collection_address: project.collectionAddress, token_ids };

  const responses = await Promise.all(
    Array.from({ length: 200 }, (_, index) => post(services[index % services.length]!.url, project.apiKey, body)),
  );

  const accepted = responses.filter(({ status }) => status === 202);
  const refused = responses.filter(({ status }) => status === 429);
  expect([accepted.length, refused.length]).toEqual([30, 170]);
  const left = accepted.map(({ headers }) => Number(headers.get('x-imx-remaining-refreshes')));
  expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index * 1000));
  expect(new Set(refused.map(({ headers }) => headers.get('x-imx-remaining-refreshes')))).toEqual(new Set(['0']));
  const [saved] = await test.database.query<{ refreshes: number; tokens: number }>(
    `select count(distinct refresh.id)::int as refreshes, sum(cardinality(chunk.token_ids))::int as tokens
     from nft_metadata.refreshes as refresh join nft_metadata.refresh_chunks as chunk on chunk.refresh_id = refresh.id
     where refresh.project_id = $1`,
    [project.id],
  );
  expect(saved).toEqual({ refreshes: 30, tokens: 30_000 });
});

it('40 requests within one second, over four processes, are accepted five times', async () => {
  const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: null } });
  const body = { collection_address: project.collectionAddress, token_ids: ['1'] };
  await test.database.freezeTime();

  const responses = await Promise.all(
    Array.from({ length: 40 }, (_, index) => post(services[index % services.length]!.url, project.apiKey, body)),
  );

  await test.database.unfreezeTime();
  expect(responses.filter(({ status }) => status === 202)).toHaveLength(5);
  expect(responses.filter(({ status }) => status === 429)).toHaveLength(35);
});
