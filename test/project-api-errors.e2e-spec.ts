import { http } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
let project: TestProject;
beforeAll(async () => {
  test = await startApp();
  project = await test.aProject({ tokens: ['1'] });
});
afterAll(() => test.stop());

const REFRESHES = '/v1/metadata-refreshes';
const ID = '0b6f2d7c-5a55-4d2e-9a5e-111111111111';

const post = (contentType: string, body: string) =>
  http(test.app).post(REFRESHES).set('x-api-key', project.apiKey).set('content-type', contentType).send(body);

describe('errors of the project API: {code, message, details?}', () => {
  it.each(['json', 'a', '{"token_ids":'])(
    'a body that is not JSON gets an error of the project API: %j',
    async (body) => {
      const response = await post('application/json', body);

      expect(response.status).toBe(400);
      expect(response.body).toEqual({
        code: 'malformed_request',
        message: expect.stringMatching(/^The body is not valid JSON: /) as string,
      });
    },
  );

  it.each([
    ['text/plain', '{}'],
    ['application/x-www-form-urlencoded', 'collection_address=0x1'],
    ['application/vnd.api+json', '{}'],
  ])('a body that is sent as %s gets 415 with the content type that would be right', async (contentType, body) => {
    const response = await post(contentType, body);

    expect(response.status).toBe(415);
    expect(response.body).toEqual({
      code: 'unsupported_media_type',
      message: expect.stringContaining('"Content-Type: application/json"') as string,
    });
  });

  it('a body with a charset or an encoding that cannot be read gets 415', async () => {
    expect(await post('application/json; charset=klingon', '{}')).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
  });

  it('a body that is too large gets 413 with the limit', async () => {
    const response = await post('application/json', JSON.stringify({ token_ids: ['9'.repeat(200_000)] }));

    expect(response.status).toBe(413);
    expect(response.body).toEqual({
      code: 'payload_too_large',
      message: expect.stringContaining('102400 bytes') as string,
    });
  });

  it.each([
    ['put', REFRESHES, 'GET, POST'],
    ['delete', `${REFRESHES}/${ID}`, 'GET'],
    ['post', `${REFRESHES}/${ID}/errors`, 'GET'],
    ['get', `${REFRESHES}/estimate`, 'POST'],
    ['post', '/v1/limits', 'GET'],
    ['get', `/v1/reveals/${ID}/publish`, 'POST'],
    ['get', `/v1/reveals/${ID}/revert`, 'POST'],
    ['get', `/v1/reveals/${ID}/cancel`, 'POST'],
  ] as const)('%s %s gets 405 with Allow: %s', async (method, path, allowed) => {
    const response = await http(test.app)[method](path);

    expect(response.status).toBe(405);
    expect(response.headers).toMatchObject({ allow: allowed });
    expect(response.body).toMatchObject({
      code: 'method_not_allowed',
      message: expect.stringContaining(allowed) as string,
    });
  });

  it('OPTIONS on a route of the project API gets Allow', async () => {
    expect((await http(test.app).options(REFRESHES).expect(204)).headers).toMatchObject({ allow: 'GET, POST' });
  });

  it('a body that is declared as compressed and is not gets 400', async () => {
    const response = await http(test.app)
      .post('/V1/Metadata-Refreshes/')
      .set('x-api-key', project.apiKey)
      .set('content-type', 'application/json')
      .set('content-encoding', 'gzip')
      .send('{}');

    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ code: 'malformed_request' });
  });

  it.each([
    '/v1/limits/mine',
    '/v1/metadata-refreshes/a/b/c',
    `${REFRESHES}/${ID}/error`,
    '/v1/metadata-refreshing',
    '/v1/nothing/at/all',
    '/v1/collection',
    '/v1',
    '/V1/x',
  ])('the unknown path %s gets 404', async (path) => {
    for (const method of ['get', 'post', 'delete'] as const) {
      const response = await http(test.app)[method](`${path}?a=b`);

      expect(response.status).toBe(404);
      expect(response.body).toEqual({ code: 'not_found', message: `There is no ${method.toUpperCase()} ${path}.` });
    }
  });

  it('a body that is not JSON, and a path with invalid percent-encoding, get 400 also where there is no route', async () => {
    const path = await http(test.app).get('/v1/nothing/%E0%A4%A');
    const body = await http(test.app).post('/v1/nothing').set('content-type', 'application/json').send('{');

    for (const response of [path, body])
      expect(response).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  });

  it('a path with invalid percent-encoding gets 400', async () => {
    expect(await http(test.app).get(`${REFRESHES}/%E0%A4%A`)).toMatchObject({
      status: 400,
      body: { code: 'malformed_request' },
    });
  });

  it('an internal error gets 500 without its cause', async () => {
    await test.database.query('alter table nft_metadata.refreshes rename to moved_away');
    await test.database.query(
      'create view nft_metadata.refreshes as select * from nft_metadata.moved_away where 1 / (select 0) = 1',
    );

    const response = await http(test.app).get(REFRESHES).set('x-api-key', project.apiKey);

    await test.database.query('drop view nft_metadata.refreshes');
    await test.database.query('alter table nft_metadata.moved_away rename to refreshes');
    expect(response.status).toBe(500);
    expect(response.body).toEqual({
      code: 'internal_server_error',
      message: 'The request failed because of an error in the service.',
    });
  });

  it('a request while the database is unavailable gets 503 with Retry-After', async () => {
    await test.database.refuseConnections();

    const read = await http(test.app).get(REFRESHES).set('x-api-key', project.apiKey);
    const partner = await http(test.app)
      .post(`/collections/${project.collectionAddress}/refresh_metadata`)
      .set('x-api-key', project.apiKey)
      .send({ token_ids: ['1'] });

    await test.database.acceptConnections();
    expect(read).toMatchObject({ status: 503, body: { code: 'service_unavailable' }, headers: { 'retry-after': '5' } });
    expect(partner).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    await http(test.app).get(REFRESHES).set('x-api-key', project.apiKey).expect(200);
  });

  it('a request whose commit the database refuses gets 503, not 202, and nothing of it is saved', async () => {
    const owner = await test.aProject({ tokens: ['1'] });
    await test.database.query(`
      create function public.refuse() returns trigger language plpgsql
        as $$ begin raise exception 'refused' using errcode = 'disk_full'; end $$;
      create constraint trigger refuse after insert on nft_metadata.refreshes deferrable initially deferred
        for each row execute function public.refuse()`);

    const refused = await http(test.app)
      .post(REFRESHES)
      .set('x-api-key', owner.apiKey)
      .send({ collection_address: owner.collectionAddress, token_ids: ['1'] });

    await test.database.query('drop function public.refuse cascade');
    expect(refused.status).toBe(503);
    const saved = await test.database.query('select from nft_metadata.refreshes where project_id = $1', [owner.id]);
    expect(saved).toEqual([]);
  });

  it('errors of other routes do not get the shape of the project API', async () => {
    const wrongPath = await http(test.app).get('/v2/metadata-refreshes').expect(404);
    const wrongBody = await http(test.app)
      .post('/listings')
      .set('content-type', 'application/json')
      .send('{')
      .expect(400);

    expect(wrongPath.body).toHaveProperty('statusCode', 404);
    expect(wrongBody.body).toHaveProperty('statusCode', 400);
  });
});
