import { MetadataHost } from '@app/testing';
import { createEmptyDatabase, type TestDatabase } from './support/database.js';
import { runServiceToItsEnd, startServiceProcess, type ServiceProcess } from './support/service-process.js';

const ESCAPE = String.fromCharCode(27);

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

async function start(
  runMode: 'all' | 'worker',
  variables: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> {
  const service = await startServiceProcess({ database, metadataApi }, runMode, [], variables);
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

it('a service with LOG_FORMAT=text logs without colours into a file', async () => {
  const taken = await start('all');
  const { port } = new URL(taken.url);

  const { out } = await runServiceToItsEnd({ DATABASE_URL: database.url, LOG_FORMAT: 'text', PORT: port });

  expect(out).toMatch(/^\[Nest\] .* LOG \[/m);
  expect(out).not.toContain(ESCAPE);
});

it('the line "ready" names the console, and the database without its password, and responses do not name the framework', async () => {
  const service = await start('all', { CONSOLE: 'on' });

  const { headers } = await fetch(`${service.url}/health/live`);

  const { host, pathname, password } = new URL(database.url);
  expect(service.output()).toContain(
    `"url":"${service.url}","console":"${service.url}/console","runMode":"all","database":"${host}${pathname}"`,
  );
  expect(await fetch(`${service.url}/console`)).toMatchObject({ status: 200 });
  expect(service.output()).not.toContain(`:${password}@`);
  expect(headers.get('x-powered-by')).toBeNull();
});

it.each([
  ['HOST', { HOST: 'nope.invalid' }, /^HOST nope\.invalid cannot be resolved to an address/m],
  ['HOST', { HOST: '192.0.2.1' }, /^HOST 192\.0\.2\.1 is not an address of this machine/m],
])('a service with a wrong %s, %j, ends with a line that names it, without a stack', async (_, variables, line) => {
  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: database.url, ...variables });

  expect(status).toBe(1);
  expect(err).toMatch(line);
  expect(err).not.toMatch(/^ +at /m);
});

it('a service whose PORT another process has ends with a line that names it, without a stack', async () => {
  const { url } = await start('all');

  const { status, err } = await runServiceToItsEnd({ DATABASE_URL: database.url, PORT: new URL(url).port });

  expect(status).toBe(1);
  expect(err).toMatch(/^PORT is taken: .*\n$/m);
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
