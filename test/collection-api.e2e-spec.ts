import { Collections, TokenStore } from '@app/token-store';
import { expectSucceeded, http, readErrors, requestRefresh, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp({ refreshApi: { registeredTokensPerRequest: 5, tokensPerCollection: 8 } });
});
afterAll(() => test.stop());
afterEach(() => test.database.unfreezeTime());

const PATH = '/v1/collections';
const pathOf = (project: TestProject) => `${PATH}/${project.collectionAddress}`;
const get = (project: TestProject, path: string) => http(test.app).get(path).set('x-api-key', project.apiKey);
const patch = (project: TestProject, path: string, body: object) =>
  http(test.app).patch(path).set('x-api-key', project.apiKey).send(body);
const register = (project: TestProject, token_ids: unknown, path = `${pathOf(project)}/tokens`) =>
  http(test.app).post(path).set('x-api-key', project.apiKey).send({ token_ids });

describe('collections of a project', () => {
  it('a project lists its own collections, page by page, each once, and nobody else’s', async () => {
    const project = await test.aProject();
    await test.aProject();
    const address = (index: number) => `0x${'e'.repeat(38)}0${index}`;
    for (const index of [1, 2, 3, 4]) {
      await test.app.get(Collections).add({
        chainId: index,
        address: address(index),
        projectId: project.id,
        source: { kind: 'chain', uriRule: null },
      });
    }
    // As many as one statement would have made.
    await test.database.query('update nft_metadata.collections set created_at = $1 where chain_id > 1', [
      '2026-11-21T10:00:00.123456Z',
    ]);

    const seen: string[] = [];
    for (let cursor = '', remaining = 1; remaining === 1;) {
      const { body } = await get(project, `${PATH}?page_size=2&cursor=${cursor}`).expect(200);
      const page = body as { result: { collection_address: string }[]; cursor: string; remaining: number };
      seen.push(...page.result.map((one) => one.collection_address));
      ({ cursor, remaining } = page);
    }

    expect(seen.toSorted()).toEqual([project.collectionAddress, ...[1, 2, 3, 4].map(address)].toSorted());
  });

  it('a project reads where the metadata of its collection comes from, and how many tokens it has', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });

    const { body } = await http(test.app)
      .get(pathOf(project).toUpperCase().replace('/V1/COLLECTIONS/0X', '/v1/collections/0x'))
      .set(await signedHeaders(project))
      .expect(200);

    expect(body).toEqual({
      chain_id: 1,
      collection_address: project.collectionAddress,
      source: 'metadata_api',
      metadata_url: `${test.metadataApi.url}/${project.collectionAddress}`,
      uri_rule: null,
      push_policy: 'last_wins',
      host_concurrency: null,
      created_at: expect.stringMatching(/\.\d{6}Z$/) as string,
      tokens: 2,
    });
  });

  it('a project moves its metadata: the next refresh uses the new URL, and one that was accepted before uses the old one', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const before = await requestRefresh(test.app, project, ['1']);
    const url = `${test.metadataApi.url}/moved/`;

    const { body } = await patch(project, pathOf(project), { metadata_url: url }).expect(200);
    const pathsBefore = test.metadataApi.trafficOf('/moved').hits;
    await test.worker.runOnce();
    const old = test.metadataApi.trafficOf('/moved').hits;
    const after = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    expect(body).toMatchObject({ metadata_url: `${test.metadataApi.url}/moved` });
    expect([pathsBefore, old, test.metadataApi.trafficOf('/moved').hits]).toEqual([0, 0, 1]);
    await expectSucceeded(test.app, project, before, 1);
    await expectSucceeded(test.app, project, after, 1);
  });

  it.each([
    [{}, 'the body must have one field: metadata_url, uri_rule or push_policy'],
    [{ metadata_url: 7 }, 'metadata_url must be a URL'],
    [{ metadata_url: 'ftp://a.example' }, 'is not an http, https, ipfs, ipns or ar URL'],
    [{ metadata_url: 'https://user:secret@a.example' }, 'must not contain a user name or password'],
    [
      { metadata_url: 'http://169.254.169.254/latest' },
      'metadata_url "http://169.254.169.254/latest" is not allowed: blocked_address',
    ],
    [{ metadata_url: 'http://10.0.0.1' }, 'is not allowed: blocked_address'],
    [{ metadata_url: ' http://localhost/{id}' }, 'is not allowed: blocked_address'],
    [{ metadata_url: 'https://a.example:22' }, 'is not allowed: blocked_port'],
    [{ uri_rule: 'as_is' }, 'uri_rule cannot be set'],
    [{ metadataUrl: 'https://a.example' }, 'metadataUrl is not a field here; did you mean metadata_url?'],
    [{ host_concurrency: 1000 }, 'host_concurrency is not a field here; there are metadata_url, push_policy, uri_rule'],
    [{ project_id: 'other' }, 'project_id is not a field here; there are metadata_url, push_policy, uri_rule'],
    [[], 'the body must be a JSON object'],
  ])('a project is told what is wrong with the change %j', async (body, message) => {
    const project = await test.aProject();

    const response = await patch(project, pathOf(project), body);

    expect(response).toMatchObject({
      status: 400,
      body: { code: 'input_validation_failed', message: expect.stringContaining(message) as string },
    });
    const { body: now } = await get(project, pathOf(project));
    expect(now).toMatchObject({ metadata_url: `${test.metadataApi.url}/${project.collectionAddress}` });
  });

  it('a project changes the URI rule of its contract, and cannot replace the contract by a Metadata API', async () => {
    const contract = { chainId: 1, address: `0x${'c'.repeat(40)}` };
    const project = await test.aProject({ contract });

    const changed = await patch(project, pathOf(project), { uri_rule: 'base_uri' });
    const refused = await patch(project, pathOf(project), { metadata_url: 'https://a.example' });

    expect(changed).toMatchObject({ status: 200, body: { source: 'chain', uri_rule: 'base_uri' } });
    expect(refused).toMatchObject({ status: 400, body: { code: 'input_validation_failed' } });
    expect((await get(project, pathOf(project))).body).toMatchObject({ source: 'chain', metadata_url: null });
  });

  it('a project says which of two chains it means if its address is registered on both', async () => {
    const project = await test.aProject();
    await test.app.get(Collections).add({
      chainId: 137,
      address: project.collectionAddress,
      projectId: project.id,
      source: { kind: 'metadata_api', url: 'https://polygon.example' },
    });

    expect(await get(project, pathOf(project))).toMatchObject({ status: 400, body: { code: 'collection_ambiguous' } });
    expect(await get(project, `${pathOf(project)}?chain_id=137`)).toMatchObject({
      status: 200,
      body: { chain_id: 137, metadata_url: 'https://polygon.example' },
    });
    expect(await register(project, ['1'], `${pathOf(project)}/tokens?chain_id=137`)).toMatchObject({ status: 200 });
    expect((await get(project, `${pathOf(project)}?chain_id=1`)).body).toMatchObject({ tokens: 0 });
  });
});

describe('registering tokens', () => {
  it('tokens that a project registers can be refreshed, and are registered once however often they are named', async () => {
    const project = await test.aProject({ tokens: ['1'] });

    expect((await register(project, ['1', '2', '3', '3'])).body).toEqual({ registered: 2, already_registered: 1 });
    expect((await register(project, ['2', '3'])).body).toEqual({ registered: 0, already_registered: 2 });

    const refreshId = await requestRefresh(test.app, project, ['2', '3', '4']);
    await test.worker.runOnce();
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { token_id: '4', error_code: 'token_not_found' },
    ]);
  });

  it('the tokens that a project registers are limited per request and per collection, exactly with concurrent requests', async () => {
    const project = await test.aProject();

    expect(await register(project, ['1', '2', '3', '4', '5', '6'])).toMatchObject({
      status: 400,
      body: { message: 'token_ids must have at most 5 ids; it has 6' },
    });
    const responses = await Promise.all(
      [10, 20, 30, 40].map((first) => register(project, [first, first + 1, first + 2].map(String))),
    );

    expect(responses.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 200, 409, 409]);
    expect(responses.find(({ status }) => status === 409)!.body).toEqual({
      code: 'token_limit_reached',
      message: 'The collection may hold at most 8 tokens, and these would exceed it.',
    });
    expect(await test.app.get(TokenStore).countTokens(project.collectionId)).toBe(6);
    expect(await register(project, ['98', '99'])).toMatchObject({ status: 200 });
    // Known ones are no more than there are.
    expect(await register(project, ['98', '99'])).toMatchObject({ status: 200 });
  });

  it.each([
    [{ token_ids: ['01'] }, 'token_ids.0 must be a decimal uint256'],
    [{ token_ids: [] }, 'token_ids must have at least one token id'],
    [{}, 'token_ids must be a list of token ids'],
    [{ token_ids: ['1'], tokens: ['2'] }, 'tokens is not a field here; did you mean token_ids?'],
  ])('tokens that a project registers are refused as %j', async (body, message) => {
    const project = await test.aProject();

    const response = await http(test.app)
      .post(`${pathOf(project)}/tokens`)
      .set('x-api-key', project.apiKey)
      .send(body);

    expect(response).toMatchObject({
      status: 400,
      body: { code: 'input_validation_failed', message: expect.stringContaining(message) as string },
    });
  });
});

describe('collections of other projects', () => {
  it('collections of another project are 404 on every route, like collections that nobody has registered', async () => {
    const [project, stranger] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];

    for (const path of [pathOf(project), `${PATH}/0x${'1'.repeat(40)}`]) {
      const responses = [
        await get(stranger, path),
        await patch(stranger, path, { metadata_url: 'https://stranger.example' }),
        await register(stranger, ['2'], `${path}/tokens`),
      ];
      for (const response of responses) {
        expect(response).toMatchObject({ status: 404, body: { code: 'collection_not_found' } });
        expect((response.body as { message: string }).message).toMatch(/is not a collection of this project/);
      }
    }
    expect((await get(project, pathOf(project))).body).toMatchObject({
      tokens: 1,
      metadata_url: `${test.metadataApi.url}/${project.collectionAddress}`,
    });
  });
});

describe('routes of collections', () => {
  it('the routes of collections respond with 401 without credentials, 405 with Allow to other methods, and name an unknown parameter', async () => {
    const project = await test.aProject();

    for (const path of [PATH, pathOf(project)]) {
      expect(await http(test.app).get(path)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    }
    expect(await http(test.app).delete(pathOf(project))).toMatchObject({
      status: 405,
      headers: { allow: 'GET, PATCH' },
      body: { code: 'method_not_allowed' },
    });
    expect(await http(test.app).post(PATH)).toMatchObject({ status: 405, headers: { allow: 'GET' } });
    expect(await http(test.app).get(`${pathOf(project)}/tokens`)).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
    expect(await get(project, `${PATH}?pagesize=2`)).toMatchObject({
      status: 400,
      body: { message: 'pagesize is not a parameter here; did you mean page_size?' },
    });
  });

  it('the routes of collections count changes towards the requests per second, and not reads', async () => {
    const project = await test.aProject({ limits: { requestsPerSecond: 2 } });
    await test.database.freezeTime();

    const statuses = [];
    for (const ids of [['1'], ['2'], ['3']]) statuses.push((await register(project, ids)).status);

    expect(statuses).toEqual([200, 200, 429]);
    expect(await patch(project, pathOf(project), { metadata_url: 'https://a.example' })).toMatchObject({
      status: 429,
      body: { code: 'refresh_limit_exceeded' },
      headers: { 'retry-after': '1' },
    });
    expect(await get(project, pathOf(project))).toMatchObject({ status: 200, body: { tokens: 2 } });
  });

  it('the routes of collections read a body only as JSON, and say so in the shape of the project API', async () => {
    const project = await test.aProject();
    const post = (type: string, body: string) =>
      http(test.app)
        .post(`${pathOf(project)}/tokens`)
        .set('x-api-key', project.apiKey)
        .set('content-type', type)
        .send(body);

    expect(await post('application/json', '{')).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
    expect(await post('text/plain', '1')).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });
});
