import { http, readErrors, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const post = async (project: Awaited<ReturnType<TestApp['aProject']>>, body: unknown) =>
  http(test.app)
    .post('/v1/metadata-refreshes')
    .set(await signedHeaders(project))
    .send(body as object);

describe('requesting a refresh', () => {
  it('a request for a refresh gets 202 with the id of the refresh and the three limit headers', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });

    const response = await post(project, { collection_address: project.collectionAddress, token_ids: ['1', '2', '2'] });

    expect(response.status).toBe(202);
    expect(response.body).toEqual({ refresh_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(response.headers).toMatchObject({ 'x-imx-refreshes-limit': '30000', 'x-imx-remaining-refreshes': '29998' });
    expect(Number(response.headers['x-imx-refresh-limit-reset'])).toBeGreaterThan(Date.now() / 1000);
  });

  it('a request for a refresh may have an API key instead of a signature', async () => {
    const { apiKey, collectionAddress } = await test.aProject({ tokens: ['1'] });

    await http(test.app)
      .post('/v1/metadata-refreshes')
      .set('x-api-key', apiKey)
      .send({ collection_address: collectionAddress, token_ids: ['1'] })
      .expect(202);
  });

  it.each<[string, (address: string) => unknown]>([
    ['no body', () => undefined],
    ['no token ids', (collection_address) => ({ collection_address })],
    ['an empty list', (collection_address) => ({ collection_address, token_ids: [] })],
    [
      '1,001 ids',
      (collection_address) => ({ collection_address, token_ids: Array.from({ length: 1001 }, (_, id) => String(id)) }),
    ],
    ['a leading zero', (collection_address) => ({ collection_address, token_ids: ['01'] })],
    ['a negative id', (collection_address) => ({ collection_address, token_ids: ['-1'] })],
    ['a hexadecimal id', (collection_address) => ({ collection_address, token_ids: ['0x1'] })],
    ['an id of 2^256', (collection_address) => ({ collection_address, token_ids: [(2n ** 256n).toString()] })],
    ['an id that a number cannot hold', (collection_address) => ({ collection_address, token_ids: [2 ** 53] })],
    ['no address', () => ({ collection_address: 'kitties', token_ids: ['1'] })],
    [
      'a wrong checksum',
      () => ({ collection_address: '0x95cf5C1b78eD03db3a1d69e722f2E2FA40CDf585', token_ids: ['1'] }),
    ],
  ])('a request for a refresh gets 400 for %s, with what is wrong, and counts towards no limit', async (_, body) => {
    const project = await test.aProject({ tokens: ['1'] });

    const response = await post(project, body(project.collectionAddress));

    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({
      code: 'input_validation_failed',
      message: expect.stringMatching(/must|wrong|at most/) as string,
    });
    const next = await post(project, { collection_address: project.collectionAddress, token_ids: ['1'] });
    expect(next.headers['x-imx-remaining-refreshes']).toBe('29999');
  });

  it('a request for a refresh may have 1,000 ids of 78 digits', async () => {
    const ids = Array.from({ length: 1000 }, (_, index) => (2n ** 256n - 1n - BigInt(index)).toString());
    const project = await test.aProject({ tokens: ids });

    expect((await post(project, { collection_address: project.collectionAddress, token_ids: ids })).status).toBe(202);
  });

  it('a request for a refresh gets 403 for a collection of another project, and the same for one that does not exist, and saves nothing [H19]', async () => {
    const [project, stranger] = [await test.aProject(), await test.aProject()];

    const foreign = await post(project, { collection_address: stranger.collectionAddress, token_ids: ['1'] });
    const unknown = await post(project, { collection_address: `0x${'1'.repeat(40)}`, token_ids: ['1'] });

    expect([foreign.status, unknown.status]).toEqual([403, 403]);
    expect([foreign.body.code, unknown.body.code]).toEqual(['forbidden', 'forbidden']);
    expect(
      await test.database.query('select from nft_metadata.refreshes where project_id = any($1)', [
        [project.id, stranger.id],
      ]),
    ).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['a mistyped API key', { 'x-api-key': 'nft_x' }],
    ['an address alone', { 'x-imx-eth-address': `0x${'1'.repeat(40)}` }],
    [
      'rubbish in all three headers',
      { 'x-imx-eth-address': '%', 'x-imx-eth-timestamp': 'now', 'x-imx-eth-signature': '0x' },
    ],
  ])('a request for a refresh gets 401 with a code and a reason for %s', async (_, headers) => {
    const response = await http(test.app).post('/v1/metadata-refreshes').set(headers).send({});

    expect(response.status).toBe(401);
    expect(response.body).toMatchObject({ code: 'unauthorized', message: expect.any(String) as string });
  });

  it('a request for a refresh gets 401 for a signature of another wallet', async () => {
    const [project, stranger] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];
    const headers = { ...(await signedHeaders(stranger)), 'x-imx-eth-address': project.wallet.address };

    await http(test.app).get('/v1/metadata-refreshes').set(headers).expect(401);
  });

  it('a request for more tokens than the quota has left is refused as a whole, and accepted an hour later', async () => {
    const project = await test.aProject({ tokens: ['1', '2', '3'], limits: { tokensPerHour: 4 } });
    const ask = (token_ids: string[]) => post(project, { collection_address: project.collectionAddress, token_ids });
    expect((await ask(['1', '2', '3'])).status).toBe(202);

    const refused = await ask(['1', '2']);

    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({ code: 'refresh_limit_exceeded', message: 'Refresh limit exceeded' });
    expect(refused.headers).toMatchObject({ 'x-imx-refreshes-limit': '4', 'x-imx-remaining-refreshes': '1' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(['1'])).status).toBe(202);
    await test.database.advance(3601);
    expect((await ask(['1', '2'])).headers['x-imx-remaining-refreshes']).toBe('2');
  });

  it('concurrent requests are accepted for exactly as many tokens as the quota allows', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { tokensPerHour: 7 } });
    const body = { collection_address: project.collectionAddress, token_ids: ['1'] };

    const responses = await Promise.all(Array.from({ length: 20 }, () => post(project, body)));

    expect(responses.filter(({ status }) => status === 202)).toHaveLength(7);
    expect(responses.filter(({ status }) => status === 429)).toHaveLength(13);
  });
});

describe('reading refreshes', () => {
  it('a refresh is queued, then completed, with times in microseconds and null while tokens are pending', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const refreshId = await requestRefresh(test.app, project, ['1', '2']);

    expect(await readRefresh(test.app, project, refreshId)).toEqual({
      refresh_id: refreshId,
      status: 'queued',
      collection_address: project.collectionAddress,
      started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
      completed_at: null,
      summary: { succeeded: 0, failed: 0, pending: 2 },
      trigger: 'api',
      verdicts: { updated: 0, unchanged: 0, superseded: 0, held: 0, staged: 0, failed: 0, cancelled: 0 },
      cooldown: null,
      not_before: null,
      paused_at: null,
      cancelled_at: null,
      retry_of: null,
      event: null,
      progress: null,
      reasons: [],
      advice: expect.any(Array) as string[],
    });
    await test.worker.runOnce();
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      completed_at: expect.stringMatching(/Z$/) as string,
      summary: { succeeded: 2, failed: 0, pending: 0 },
      verdicts: { updated: 2, failed: 0 },
    });
  });

  it('a refresh is completed also when every token failed', async () => {
    const project = await test.aProject();

    const refreshId = await requestRefresh(test.app, project, ['1', '2']);

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 0, failed: 2, pending: 0 },
    });
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      {
        error_code: 'token_not_found',
        client_token_metadata_url: '',
        client_response_status_code: null,
        client_response_body: null,
      },
      { error_code: 'token_not_found' },
    ]);
  });

  it('a refresh of another project gets 404, like one that does not exist', async () => {
    const [project, stranger] = [await test.aProject(), await test.aProject()];
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const read = (path: string) =>
      http(test.app).get(`/v1/metadata-refreshes/${path}`).set('x-api-key', stranger.apiKey);

    for (const path of [refreshId, `${refreshId}/errors`, '0b6f2d7c-5a55-4d2e-9a5e-111111111111']) {
      expect((await read(path).expect(404)).body).toMatchObject({ code: 'refresh_not_found' });
    }
    expect((await read('not-a-uuid').expect(400)).body).toMatchObject({ code: 'input_validation_failed' });
  });

  it('a project reads the list of its own refreshes, newest first, page by page, with counts', async () => {
    const [project, other] = [await test.aProject(), await test.aProject()];
    await requestRefresh(test.app, other, ['1']);
    const ids = [];
    for (let count = 0; count < 5; count += 1) ids.unshift(await requestRefresh(test.app, project, ['1']));
    const list = async (query: string) =>
      (await http(test.app).get(`/v1/metadata-refreshes?${query}`).set('x-api-key', project.apiKey).expect(200))
        .body as {
        result: { refresh_id: string }[];
        cursor: string;
        remaining: number;
      };

    const first = await list('page_size=3&cursor=&collection_address=');
    const second = await list(`page_size=3&cursor=${first.cursor}`);

    expect([...first.result, ...second.result].map(({ refresh_id }) => refresh_id)).toEqual(ids);
    expect([first.remaining, second.remaining]).toEqual([1, 0]);
    expect(second.cursor).not.toBe('');
    expect(await readRefresh(test.app, project, ids[0]!)).toMatchObject(first.result[0]!);
    expect(first.result[0]).toMatchObject({ summary: { succeeded: 0, failed: 1, pending: 0 }, cooldown: null });
    expect(await list(`collection_address=0x${'2'.repeat(40)}`)).toEqual({ result: [], cursor: '', remaining: 0 });
  });

  it.each(['page_size=0', 'page_size=201', 'page_size=ten', 'page_size=1e2', 'cursor=x', 'collection_address=0x'])(
    'a list of refreshes with ?%s gets 400',
    async (query) => {
      const { apiKey } = await test.aProject();

      const { body } = await http(test.app).get(`/v1/metadata-refreshes?${query}`).set('x-api-key', apiKey).expect(400);

      expect(body).toMatchObject({ code: 'input_validation_failed' });
    },
  );
});
