import { Projects } from '@app/project-auth';
import { http, signedHeaders } from './support/project-api.js';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => test.database.unfreezeTime());

const post = (project: TestProject, token_ids: unknown, collection_address: unknown = project.collectionAddress) =>
  http(test.app)
    .post('/v1/metadata-refreshes')
    .set('x-api-key', project.apiKey)
    .send({ collection_address, token_ids } as object);

const statuses = async (count: number, ask: () => PromiseLike<{ status: number }>) => {
  const responses = [];
  for (let index = 0; index < count; index += 1) responses.push(await ask());
  return responses.map(({ status }) => status);
};

const limitsOf = async (project: TestProject) =>
  (await http(test.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200)).body as {
    tokens_per_hour: { remaining: number };
  };

describe('requests per second', () => {
  it('requests per second are five for a project, counted over both dialects, and five again a second later', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: null } });
    const partner = () =>
      http(test.app)
        .post(`/collections/${project.collectionAddress}/refresh_metadata`)
        .set('x-api-key', project.apiKey)
        .send({ token_ids: ['1'] });
    await test.database.freezeTime();

    expect(await statuses(3, () => post(project, ['1']))).toEqual([202, 202, 202]);
    expect(await statuses(3, partner)).toEqual([200, 200, 429]);
    await test.database.advance(1);
    expect(await statuses(5, () => post(project, ['1']))).toEqual([202, 202, 202, 202, 202]);
  });

  it('the sixth request of a second gets 429, the code of the guide, the three headers and Retry-After', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: null } });
    await test.database.freezeTime();
    await statuses(5, () => post(project, ['1']));

    const { status, body, headers } = await post(project, ['1']);

    expect(status).toBe(429);
    expect(body).toEqual({
      code: 'refresh_limit_exceeded',
      message: 'Refresh limit exceeded',
      details: 'The project has used up its 5 requests per second.',
    });
    expect(headers).toMatchObject({
      'x-imx-refreshes-limit': '30000',
      'x-imx-remaining-refreshes': '29995',
      'x-imx-refresh-limit-reset': expect.stringMatching(/^[0-9]{10}$/) as string,
      'retry-after': '1',
    });
  });

  it('requests per second are not used up by requests that are invalid or refused', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 1, tokensPerHour: 1 } });
    const stranger = await test.aProject();
    await test.database.freezeTime();

    expect(await statuses(3, () => post(project, ['01']))).toEqual([400, 400, 400]);
    expect(await statuses(2, () => post(project, ['1'], stranger.collectionAddress))).toEqual([403, 403]);
    expect(await statuses(2, () => post(project, ['1', '2']))).toEqual([429, 429]);
    expect(await statuses(2, () => post(project, ['1']))).toEqual([202, 429]);
  });

  it('requests per second are not used up by invalid requests that are sent at the same time', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 2 } });
    await test.database.freezeTime();

    const responses = await Promise.all([
      ...Array.from({ length: 40 }, () => post(project, ['01'])),
      post(project, ['1']),
      post(project, ['1']),
    ]);

    expect(responses.slice(-2).map(({ status }) => status)).toEqual([202, 202]);
    expect(responses.slice(0, -2).filter(({ status }) => status === 202)).toEqual([]);
  });

  it('requests per second do not include reads', async () => {
    const project = await test.aProject({ limits: { requestsPerSecond: 1 } });
    const read = () => http(test.app).get('/v1/metadata-refreshes').set('x-api-key', project.apiKey);
    await test.database.freezeTime();

    expect(await statuses(4, read)).toEqual([200, 200, 200, 200]);
  });

  it('requests per second belong to one project: when it has used them up, another one has all of its own', async () => {
    const [busy, calm] = [
      await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 1 } }),
      await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 1 } }),
    ];
    await test.database.freezeTime();

    expect(await statuses(2, () => post(busy, ['1']))).toEqual([202, 429]);
    expect(await statuses(1, () => post(calm, ['1']))).toEqual([202]);
  });

  it('requests per second are exact when many are concurrent', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 7 } });
    await test.database.freezeTime();

    const responses = await Promise.all(Array.from({ length: 30 }, () => post(project, ['1'])));

    expect(responses.filter(({ status }) => status === 202)).toHaveLength(7);
  });
});

describe('tokens per hour', () => {
  it('tokens per hour are exact for requests that reach two processes at the same time, and what is refused is not saved', async () => {
    const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerHour: 3 } });
    const other = (await test.anotherProcess()).createNestApplication();
    await other.init();
    expect((await post(project, ['1'])).status).toBe(202);
    const quota = await holdRows(test, 'select from nft_metadata.refresh_quotas where project_id = $1 for update', [
      project.id,
    ]);

    // Each finds that two of three tokens are left, and then waits to take them.
    const asked = Promise.all(
      [test.app, other].map((app) =>
        http(app)
          .post('/v1/metadata-refreshes')
          .set('x-api-key', project.apiKey)
          .send({ collection_address: project.collectionAddress, token_ids: ['1', '2'] }),
      ),
    );
    await untilLockWaits(test.database, { count: 2 });
    await quota.release();
    const responses = await asked;

    expect(responses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([202, 429]);
    const saved = await test.database.query<{ total: number }>(
      'select total from nft_metadata.refreshes where project_id = $1 order by total',
      [project.id],
    );
    expect(saved).toEqual([{ total: 1 }, { total: 2 }]);
  });
});

describe('limits', () => {
  it.each<[string, Parameters<TestApp['aProject']>[0], number]>([
    ['requests a second', { limits: { requestsPerSecond: 0 } }, 429],
    ['tokens a request', { limits: { tokensPerRequest: 0 } }, 400],
    ['tokens an hour', { limits: { tokensPerHour: 0 } }, 429],
  ])('a limit of 0 %s blocks every request', async (_, options, status) => {
    const project = await test.aProject({ ...options, tokens: ['1'] });

    expect((await post(project, ['1'])).status).toBe(status);
  });

  it('a limit applies to the next request after an operator changed it, and can be reset to the default', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const projects = test.app.get(Projects);

    await projects.setLimits(project.id, { tokensPerRequest: 1 });
    const refused = await post(project, ['1', '2']);
    await projects.setLimits(project.id, { tokensPerRequest: null });

    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({
      code: 'input_validation_failed',
      message: expect.stringMatching(/^token_ids.*at most 1 tokens; this one names 2/) as string,
    });
    expect((await post(project, ['1', '2'])).status).toBe(202);
  });

  it('a limit of tokens per request counts a repeated id once', async () => {
    const project = await test.aProject({ tokens: ['1', '2'], limits: { tokensPerRequest: 2 } });

    const { status, headers } = await post(project, ['1', '2', '1', 2]);

    expect(status).toBe(202);
    expect(headers['x-imx-remaining-refreshes']).toBe('29998');
  });
});

describe('GET /v1/limits', () => {
  it('GET /v1/limits shows a caller its own limits and what is left, and uses nothing', async () => {
    const project = await test.aProject({
      tokens: ['1', '2'],
      limits: { requestsPerSecond: 9, tokensPerRequest: 20, tokensPerHour: 30 },
    });
    await post(project, ['1', '2']).expect(202);

    const first = await http(test.app)
      .get('/v1/limits')
      .set(await signedHeaders(project))
      .expect(200);

    expect(first.body).toEqual({
      requests_per_second: 9,
      tokens_per_request: 20,
      tokens_per_selection: 30,
      tokens_per_hour: { limit: 30, remaining: 28, resets_at: expect.stringMatching(/Z$/) as string },
    });
    expect(first.headers).toMatchObject({ 'x-imx-refreshes-limit': '30', 'x-imx-remaining-refreshes': '28' });
    expect(await limitsOf(project)).toMatchObject({ tokens_per_hour: { remaining: 28 } });
  });

  it('GET /v1/limits shows the defaults of the deployment for a project without limits of its own', async () => {
    const project = await test.aProject({ limits: { requestsPerSecond: null } });

    expect(await limitsOf(project)).toMatchObject({
      requests_per_second: 5,
      tokens_per_request: 1000,
      tokens_per_selection: 30_000,
      tokens_per_hour: { limit: 30_000, remaining: 30_000 },
    });
  });

  it('GET /v1/limits responds with 401 without credentials', async () => {
    expect((await http(test.app).get('/v1/limits').expect(401)).body).toMatchObject({ code: 'unauthorized' });
  });
});
