import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.js';
import { startApp, type TestApp } from '../support/start-app.js';

let test: TestApp;
let service: ServiceProcess;
beforeAll(async () => {
  test = await startApp();
  service = await startServiceProcess(test, 'all');
});
afterAll(async () => {
  service.process.kill('SIGKILL');
  await test.stop();
});

const run = (environment: Record<string, string>) =>
  promisify(execFile)('bash', ['docs/examples/refresh-metadata.sh'], {
    env: { PATH: process.env['PATH'], BASE_URL: service.url, ...environment },
  });

it('the example with curl requests a refresh as a partner, waits for it, and reads the errors', async () => {
  const { apiKey, collectionAddress } = await test.aProject({ tokens: ['1', '2'] });
  test.metadataApi.respond('2', 404, 'not here');

  const { stdout } = await run({ API_KEY: apiKey, COLLECTION: collectionAddress, TOKEN_IDS: '"1","2"' });

  const [initiated, refresh, errors] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(initiated).toMatchObject({ message: 'Metadata refresh initiated' });
  expect(refresh).toMatchObject({ status: 'completed', summary: { succeeded: 1, failed: 1, pending: 0 } });
  expect(errors).toMatchObject({ result: [{ token_id: '2', error_code: 'invalid_response_status_code' }] });
});

it('the example with curl ends with the message of the API when the key is wrong', async () => {
  const { collectionAddress } = await test.aProject();

  await expect(run({ API_KEY: 'nft_wrong', COLLECTION: collectionAddress })).rejects.toMatchObject({ code: 22 });
});
