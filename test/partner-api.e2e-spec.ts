import { Projects } from '@app/project-auth';
import { http, readErrors, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const path = (address: string, base = '') => `${base}/collections/${address}/refresh_metadata`;

const post = (project: TestProject, token_ids: unknown, { base = '', address = project.collectionAddress } = {}) =>
  http(test.app).post(path(address, base)).set('X-API-Key', project.apiKey).send({ token_ids });

const queuedTokens = async (project: TestProject) =>
  test.database.query(
    `select unnest(chunk.token_ids)::text as token_id from nft_metadata.refresh_chunks as chunk
     join nft_metadata.refreshes as refresh on refresh.id = chunk.refresh_id where refresh.project_id = $1`,
    [project.id],
  );

const limitsOf = async (project: TestProject) =>
  (await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200)).body as {
    tokens_per_hour: { remaining: number };
  };

describe('the partner API', () => {
  it.each(['', '/mavis-market-partner'])(
    'the partner API responds with 200 "Metadata refresh initiated" below "%s"',
    async (base) => {
      const project = await test.aProject({ tokens: ['1', '2'] });

      const { status, body } = await post(project, ['1', '2'], { base });

      expect(status).toBe(200);
      expect(body).toEqual({ message: 'Metadata refresh initiated', refresh_id: expect.any(String) as string });
    },
  );

  it('the partner API gives a receipt that the project API reads with the same key', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const { refresh_id } = (await post(project, ['1'])).body as { refresh_id: string };

    await test.worker.runOnce();

    const { body } = await http(test.app)
      .get(`/v1/metadata-refreshes/${refresh_id}`)
      .set('x-api-key', project.apiKey)
      .expect(200);
    expect(body).toMatchObject({ status: 'completed', summary: { succeeded: 1, failed: 0, pending: 0 } });
    expect(await readErrors(test.app, project, refresh_id)).toEqual([]);
  });

  it('the partner API accepts an address in its display form, ronin: and 40 hex digits, and in any case', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const digits = project.collectionAddress.slice(2);

    expect((await post(project, ['1'], { address: `ronin:${digits}` })).status).toBe(200);
    expect((await post(project, ['1'], { address: `0x${digits.toUpperCase()}` })).status).toBe(200);
  });

  it('the partner API counts an id that is given twice as one token', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });

    await post(project, ['1', '1', '2', 1]).expect(200);

    expect(await queuedTokens(project)).toHaveLength(2);
  });

  it('the partner API accepts 100 ids, and responds "Too many token ids" to 101', async () => {
    const ids = Array.from({ length: 101 }, (_, id) => String(id));
    const project = await test.aProject({ tokens: ids });

    expect((await post(project, ids.slice(1))).status).toBe(200);
    const { status, body } = await post(project, ids);

    expect(status).toBe(400);
    expect(body).toEqual({ message: 'Too many token ids, max number of token ids allowed is 100' });
  });

  it('the partner API names the limit of the project if it has one of its own', async () => {
    const project = await test.aProject({ tokens: ['1', '2', '3'], limits: { tokensPerRequest: 2 } });

    const { body } = await post(project, ['1', '2', '3']).expect(400);

    expect(body).toEqual({ message: 'Too many token ids, max number of token ids allowed is 2' });
    await test.app.get(Projects).setLimits(project.id, { tokensPerRequest: 1000 });
    const many = await post(
      project,
      Array.from({ length: 101 }, (_, id) => String(id)),
    ).expect(400);
    expect(many.body).toMatchObject({ message: expect.stringContaining('is 100') as string });
  });

  it('the partner API responds "Token not found", names the unknown ids, and queues and counts nothing', async () => {
    const project = await test.aProject({ tokens: ['1'] });

    const { status, body } = await post(project, ['8', '1', '7']);

    expect(status).toBe(400);
    expect(body).toEqual({ message: 'Token not found', token_ids: ['8', '7'] });
    expect(await queuedTokens(project)).toEqual([]);
    expect((await limitsOf(project)).tokens_per_hour.remaining).toBe(30_000);
  });

  it('the partner API responds "Token not found" for an unknown collection', async () => {
    const project = await test.aProject();

    const { body } = await post(project, ['1'], { address: `0x${'1'.repeat(40)}` }).expect(400);

    expect(body).toEqual({ message: 'Token not found' });
  });

  it.each<[string, string, unknown, RegExp]>([
    ['an empty list', '', { token_ids: [] }, /^token_ids must have at least one/],
    ['no list', '', {}, /^token_ids must be a list/],
    ['a body that is a list', '', [], /must be a JSON object/],
    ['an id with a leading zero', '', { token_ids: ['1', '01'] }, /^token_ids\.1 must be a decimal uint256/],
    ['an id of 2^256', '', { token_ids: [(2n ** 256n).toString()] }, /^token_ids\.0 must be a decimal uint256/],
    ['an address that is none', 'kitties', { token_ids: ['1'] }, /^token_address must be 0x, or ronin:/],
    [
      'a wrong checksum',
      '0x95cf5C1b78eD03db3a1d69e722f2E2FA40CDf585',
      { token_ids: ['1'] },
      /^token_address has a wrong EIP-55 checksum/,
    ],
  ])('the partner API responds with 400 to %s and names the field and the rule', async (_, address, body, message) => {
    const project = await test.aProject({ tokens: ['1'] });

    const response = await http(test.app)
      .post(path(address || project.collectionAddress))
      .set('x-api-key', project.apiKey)
      .send(body as object);

    expect(response.status).toBe(400);
    expect(response.body).toEqual({ message: expect.stringMatching(message) as string });
  });

  it.each<[string, (project: TestProject) => Promise<Record<string, string>> | Record<string, string>]>([
    ['no key', () => ({})],
    ['an unknown key', () => ({ 'x-api-key': `nft_${'a'.repeat(8)}_${'b'.repeat(43)}` })],
    ['a mistyped key', ({ apiKey }) => ({ 'x-api-key': `${apiKey}x` })],
    ['a signature, which this dialect does not take', (project) => signedHeaders(project)],
  ])('the partner API responds with 401 "Invalid authentication credentials" to %s', async (_, headersOf) => {
    const project = await test.aProject({ tokens: ['1'] });

    const { status, body } = await http(test.app)
      .post(path(project.collectionAddress))
      .set(await headersOf(project))
      .send({ token_ids: ['1'] });

    expect(status).toBe(401);
    expect(body).toEqual({ message: 'Invalid authentication credentials' });
  });

  it('the partner API responds with 401 to a revoked key from the next request on', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await post(project, ['1']).expect(200);

    await test.revokeApiKey(project);

    await post(project, ['1']).expect(401);
  });

  it('the partner API responds with 403 "You cannot consume this service" for a collection of another project', async () => {
    const [project, other] = [await test.aProject(), await test.aProject({ tokens: ['1'] })];

    const { status, body } = await post(project, ['1'], { address: other.collectionAddress });

    expect(status).toBe(403);
    expect(body).toEqual({ message: 'You cannot consume this service' });
  });

  it('the partner API responds with 429 "API rate limit exceeded" with Retry-After when the quota is used up', async () => {
    const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 1 } });

    const { status, body, headers } = await post(project, ['1', '2']);

    expect(status).toBe(429);
    expect(body).toEqual({ message: 'API rate limit exceeded' });
    expect(Number(headers['retry-after'])).toBe(3600);
    expect((await post(project, ['1'])).status).toBe(200);
  });

  it('the partner API responds with 429 "API rate limit exceeded" with Retry-After to the sixth request of a second', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: null } });
    await test.database.freezeTime();

    const responses = [];
    for (let count = 0; count < 6; count += 1) responses.push(await post(project, ['1']));

    await test.database.unfreezeTime();
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(responses[5]).toMatchObject({
      body: { message: 'API rate limit exceeded' },
      headers: { 'retry-after': '1' },
    });
  });

  it.each([
    '/mavis-market-partner/x',
    '/mavis-market-partner/collections',
    `/collections/0x${'1'.repeat(40)}/refresh_metadata/x`,
  ])('the partner API responds with 404 in its own shape at %s', async (wrongPath) => {
    const { body } = await http(test.app).post(wrongPath).expect(404);

    expect(body).toEqual({ message: expect.stringContaining(wrongPath) as string });
  });

  it.each<[string, number, (project: TestProject) => PromiseLike<{ status: number; body: unknown }>]>([
    [
      'a body that is not JSON',
      400,
      ({ apiKey, collectionAddress }) =>
        http(test.app)
          .post(path(collectionAddress))
          .set('x-api-key', apiKey)
          .set('content-type', 'application/json')
          .send('{"token_ids":['),
    ],
    [
      'a body that is not sent as JSON',
      415,
      ({ apiKey, collectionAddress }) =>
        http(test.app).post(path(collectionAddress)).set('x-api-key', apiKey).type('form').send('token_ids=1'),
    ],
    [
      'a body that is too large',
      413,
      ({ apiKey, collectionAddress }) =>
        http(test.app)
          .post(path(collectionAddress))
          .set('x-api-key', apiKey)
          .send({ token_ids: ['9'.repeat(200_000)] }),
    ],
    [
      'another method',
      405,
      ({ apiKey, collectionAddress }) => http(test.app).get(path(collectionAddress)).set('x-api-key', apiKey),
    ],
  ])('the partner API responds with %s in its own shape, with %i', async (_, status, ask) => {
    const response = await ask(await test.aProject({ tokens: ['1'] }));

    expect(response.status).toBe(status);
    expect(response.body).toEqual({ message: expect.stringMatching(/JSON|exceeds|not allowed/) as string });
  });
});
