import { createRefreshApiDocument } from '@app/refresh-api';
import { MetadataHost } from '@app/testing';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { acmeApi } from './support/acme-api/acme-api.dialect.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, startHostApp, type HostAppOptions } from './support/host-app.js';
import { http } from './support/project-api.js';

let database: TestDatabase;
let metadataApi: MetadataHost;
beforeAll(async () => {
  [database, metadataApi] = await Promise.all([createDatabase(), MetadataHost.start()]);
});
afterAll(async () => {
  await metadataApi.close();
  await database.drop();
});

describe.each<[string, () => Pick<HostAppOptions, 'adapter'>]>([
  ['Express', () => ({})],
  ['Fastify', () => ({ adapter: new FastifyAdapter() })],
])('a dialect of the host application, on %s', (_, host) => {
  let app: Awaited<ReturnType<typeof startHostApp>>;
  let studio: Awaited<ReturnType<typeof aStudio>>;
  beforeAll(async () => {
    app = await startHostApp(database, metadataApi, {
      ...host(),
      nftRefresh: { dialects: [acmeApi], runMode: 'api' },
      configure: (one) => one.setGlobalPrefix('api'),
    });
    studio = await aStudio(app, metadataApi);
  });
  afterAll(() => app.close());

  const post = (body: string, path = `/api/acme/drops/${studio.address}/renew`) =>
    http(app).post(path).set('x-api-key', studio.apiKey).set('content-type', 'application/json').send(body);
  const problem = (status: number, detail: RegExp) => ({
    status,
    body: { problem: { status, detail: expect.stringMatching(detail) as string } },
  });

  it('its routes accept a refresh, with bodies as large as it allows, and what it provides can be injected', async () => {
    const accepted = await post(JSON.stringify(['1']));
    const large = await post(`${' '.repeat(1_500_000)}["1"]`);
    const tooLarge = await post(`${' '.repeat(2_500_000)}["1"]`);

    expect(accepted.body).toEqual({ greeting: 'Ahoy', job: expect.any(String) as string });
    expect([accepted.status, large.status]).toEqual([201, 201]);
    expect(tooLarge).toMatchObject(problem(413, /exceeds the limit/));
    const refreshes = await http(app).get('/api/v1/metadata-refreshes').set('x-api-key', studio.apiKey);
    expect((refreshes.body as { result: { refresh_id: string }[] }).result.map((one) => one.refresh_id)).toContain(
      (accepted.body as { job: string }).job,
    );
  });

  it('all its errors have its shape: of its routes, of bodies without a route, of other methods and of unknown paths', async () => {
    const anonymous = await http(app).post(`/api/acme/drops/${studio.address}/renew`).send([]);
    const elsewhere = await post('["1"]', `/api/acme/drops/0x${'0'.repeat(40)}/renew`);
    const broken = await post('{');
    const method = await http(app).get(`/api/acme/drops/${studio.address}/renew`);
    const nowhere = await http(app).get('/api/acme/nowhere');

    expect(anonymous).toMatchObject(problem(401, /no API key/));
    expect(elsewhere).toMatchObject(problem(404, /0x0000/));
    expect(broken).toMatchObject(problem(400, /not valid JSON/));
    expect(method).toMatchObject(problem(405, /GET/));
    expect(method.headers).toMatchObject({ allow: 'POST' });
    expect(nowhere).toMatchObject(problem(404, /There is no GET \/api\/acme\/nowhere/));
  });

  it('the other dialects keep their shapes', async () => {
    const project = await post('{', '/api/v1/metadata-refreshes');
    const partner = await post('{', `/api/collections/${studio.address}/refresh_metadata`);
    const ofHost = await post('{', '/api/acmes');

    expect(project.body).toEqual({ code: 'malformed_request', message: expect.any(String) as string });
    expect(partner.body).toEqual({ message: expect.stringMatching(/not valid JSON/) as string });
    expect(ofHost.body).toHaveProperty('statusCode');
  });

  it('the OpenAPI document has its routes, its tag, its credentials and its name', () => {
    const { paths, tags, components, info } = createRefreshApiDocument(app);

    expect(paths['/api/acme/drops/{address}/renew']!.post).toMatchObject({
      tags: ['Acme API'],
      security: [{ acmeKey: [] }],
    });
    expect(tags!.at(-1)).toEqual({ name: 'Acme API', description: 'Refreshes in the wire format of Acme.' });
    expect(components!.securitySchemes).toHaveProperty('acmeKey');
    expect(info.description).toContain('the zkEVM API that of Immutable zkEVM, the Acme API that of Acme.');
  });
});
