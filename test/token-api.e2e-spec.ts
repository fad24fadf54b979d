import { http, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const get = (path: string) => http(test.app).get(`/v1/collections/${path}`);

/** Refreshes these documents, by token id, and returns the project. */
async function refreshed(documents: Record<string, object | string>): Promise<TestProject> {
  const project = await test.aProject({ tokens: Object.keys(documents) });
  await refresh(project, documents);
  return project;
}

async function refresh(project: TestProject, documents: Record<string, object | string>): Promise<void> {
  for (const [tokenId, document] of Object.entries(documents)) test.metadataApi.respond(tokenId, 200, document);
  await requestRefresh(test.app, project, Object.keys(documents));
  await test.worker.runOnce();
}

const trait = (trait_type: string, value: unknown) => ({ trait_type, value });

describe('GET /v1/collections/:address/tokens/:token_id', () => {
  it('a token record has the document as served, with numbers to the last digit [C28, F32]', async () => {
    const document = `{"name":"One","supply":115792089237316195423570985008687907853269984665640564039457584007913129639935,
      "decimals":18,"localization":{"uri":"ipfs://QmeqeBpsYTuJL8AZhY9fGBeTj9QuvMVqaZeRWFnjA24QEE/{locale}.json","default":"en","locales":["en","fr"]},
      "attributes":[{"trait_type":"Level","value":3,"display_type":"number","max_value":9}]}`;
    const project = await refreshed({ '1': document });

    const { body, text, headers } = await get(`${project.collectionAddress}/tokens/1`).expect(200);

    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(text).toContain('115792089237316195423570985008687907853269984665640564039457584007913129639935');
    expect(body).toMatchObject({
      chain_id: 1,
      collection_address: project.collectionAddress,
      token_id: '1',
      name: 'One',
      decimals: 18,
      localization: { default_locale: 'en', locales: ['en', 'fr'] },
      attributes: [{ trait_type: 'Level', value: 3, value_type: 'number', display_type: 'number', max_value: 9 }],
      metadata_status: 'ok',
      metadata_version: 1,
      document: { name: 'One', decimals: 18 },
    });
  });

  it('a token record that was never fetched has no metadata [G17]', async () => {
    const project = await test.aProject({ tokens: ['5'] });

    const { body } = await get(`${project.collectionAddress}/tokens/5`).expect(200);

    expect(body).toMatchObject({ name: null, metadata_status: 'pending', document: null, attributes: [] });
  });

  it('a token record has an ETag that gets a 304 until something that is shown changes', async () => {
    const project = await refreshed({ '2': { name: 'Two' } });
    const path = `${project.collectionAddress}/tokens/2`;
    const etag = (await get(path).expect(200)).headers['etag']!;

    await get(path).set('if-none-match', etag).expect(304);
    await get(path).set('if-none-match', `"other", W/${etag}`).expect(304);
    await refresh(project, { '2': { name: 'Two, changed' } });

    const changed = await get(path).set('if-none-match', etag).expect(200);
    expect(changed.body).toMatchObject({ name: 'Two, changed', metadata_version: 2 });
  });

  it.each([
    ['an unknown collection', `0x${'3'.repeat(40)}/tokens/1`, 404, 'collection_not_found', /0x3+ is not/],
    ['an address that is none', 'kitties/tokens/1', 400, 'input_validation_failed', /^collection_address must be 0x/],
    ['an id that is none', `0x${'3'.repeat(40)}/tokens/01`, 400, 'input_validation_failed', /^token_id must be/],
  ])('the route of token records responds to %s at %s with %i and %s', async (_, path, status, code, message) => {
    const { body } = await get(path).expect(status);
    expect(body).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  it('the route of token records responds with 404 for a token that is not registered, 405 to other methods, 404 on a wrong path', async () => {
    const { collectionAddress } = await test.aProject();

    expect((await get(`${collectionAddress}/tokens/1`).expect(404)).body).toMatchObject({ code: 'token_not_found' });
    expect((await get(`${collectionAddress}/tokens/1/owners`).expect(404)).body).toMatchObject({ code: 'not_found' });
    const { headers } = await http(test.app).post(`/v1/collections/${collectionAddress}/tokens/1`).expect(405);
    expect(headers).toMatchObject({ allow: 'GET' });
  });

  it('the route of token records requires the chain when an address is registered on two', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await test.database.query(
      `insert into nft_metadata.collections (id, chain_id, address, project_id, source, metadata_url)
       select gen_random_uuid(), 137, address, project_id, source, metadata_url from nft_metadata.collections where id = $1`,
      [project.collectionId],
    );

    const refused = await get(`${project.collectionAddress}/tokens/1`).expect(400);
    await get(`${project.collectionAddress}/tokens/1?chain_id=1`).expect(200);

    expect(refused.body).toMatchObject({ code: 'collection_ambiguous' });
  });
});

describe('GET /v1/collections/:address/traits', () => {
  it('the traits of a collection are the values that tokens have now, with their counts and numeric ranges [I2, I3, I8]', async () => {
    const of = (background: string, level: number | string) => ({
      name: 'x',
      attributes: [trait('Background', background), trait('Level', level)],
    });
    const project = await refreshed({ '1': of('Red', 3), '2': of('Red', 12), '3': of('Blue', 7) });
    const read = async () => (await get(`${project.collectionAddress}/traits`).expect(200)).body as object;

    expect(await read()).toEqual({
      chain_id: 1,
      collection_address: project.collectionAddress,
      traits: [
        {
          trait_type: 'Background',
          value_count: 2,
          minimum: null,
          maximum: null,
          values: [
            { value: 'Red', token_count: 2 },
            { value: 'Blue', token_count: 1 },
          ],
        },
        {
          trait_type: 'Level',
          value_count: 3,
          minimum: '3',
          maximum: '12',
          values: [
            { value: '12', token_count: 1 },
            { value: '3', token_count: 1 },
            { value: '7', token_count: 1 },
          ],
        },
      ],
    });
    await refresh(project, { '2': of('Blue', 5), '3': of('Blue', 7) });
    expect(await read()).toMatchObject({
      traits: [
        {
          values: [
            { value: 'Blue', token_count: 2 },
            { value: 'Red', token_count: 1 },
          ],
        },
        { minimum: '3', maximum: '7' },
      ],
    });
    await refresh(project, { '1': of('Red', 4), '3': of('Blue', -2.5) });
    expect(await read()).toMatchObject({ traits: [{}, { minimum: '-2.5', maximum: '5' }] });
    await refresh(project, { '2': of('Blue', 1e6), '3': of('Blue', 'none') });
    expect(await read()).toMatchObject({ traits: [{}, { value_count: 3, minimum: '4', maximum: '1000000' }] });
  });

  it('the traits of a collection omit a value that no token has any more, and keep its id when it comes back [I3]', async () => {
    const of = (background: string) => ({ name: 'x', attributes: [trait('Background', background)] });
    const project = await refreshed({ '1': of('Red') });
    const read = async () => {
      const { body } = await get(`${project.collectionAddress}/traits`).expect(200);
      return (body as { traits: object[] }).traits;
    };
    const rows = () =>
      test.database.query(
        'select id, value, token_count from nft_metadata.collection_traits where collection_id = $1 order by value',
        [project.collectionId],
      );
    const [red] = await rows();

    await refresh(project, { '1': of('Blue') });
    expect(await read()).toMatchObject([{ value_count: 1, values: [{ value: 'Blue', token_count: 1 }] }]);
    expect(await rows()).toMatchObject([
      { value: 'Blue', token_count: 1 },
      { ...red, token_count: 0 },
    ]);
    await refresh(project, { '1': { name: 'x' } });
    expect(await read()).toEqual([]);
    await refresh(project, { '1': of('Red') });
    expect(await read()).toMatchObject([{ value_count: 1, values: [{ value: 'Red', token_count: 1 }] }]);
    expect(await rows()).toMatchObject([
      { value: 'Blue', token_count: 0 },
      { ...red, token_count: 1 },
    ]);
  });

  it('the traits of a collection count a value once for a token that has it twice, beside another of its type [F24, F25]', async () => {
    const twice = [trait('Hat', 'Red'), trait('Hat', 'Blue'), trait('Hat', 'Red')];
    const project = await refreshed({ '1': { name: 'x', attributes: twice } });

    const token = await get(`${project.collectionAddress}/tokens/1`).expect(200);
    const { body } = await get(`${project.collectionAddress}/traits`).expect(200);

    expect(token.body).toMatchObject({ attributes: twice });
    expect(body).toMatchObject({
      traits: [
        {
          value_count: 2,
          values: [
            { value: 'Blue', token_count: 1 },
            { value: 'Red', token_count: 1 },
          ],
        },
      ],
    });
  });

  it('the traits of a collection keep quotes, percent signs, backslashes and what was U+0000 in types and values [I10]', async () => {
    const project = await refreshed({
      '1': String.raw`{"name":"x","attributes":[{"trait_type":"it's \"50%\"; \u0000--","value":"a\\'%_\u0000b"}]}`,
    });

    const { body } = await get(`${project.collectionAddress}/traits`).expect(200);

    expect((body as { traits: object[] }).traits).toMatchObject([
      { trait_type: `it's "50%"; \ufffd--`, values: [{ value: `a\\'%_\ufffdb`, token_count: 1 }] },
    ]);
  });

  it('the traits of a collection have as many values of a type as are requested, and say how many there are', async () => {
    const documents = Object.fromEntries(
      Array.from({ length: 12 }, (_, id) => [String(id + 1), { name: 'x', attributes: [trait('Id', `value ${id}`)] }]),
    );
    const project = await refreshed(documents);

    const { body } = await get(`${project.collectionAddress}/traits?values_per_type=5`).expect(200);

    const [only] = (body as { traits: { value_count: number; values: object[] }[] }).traits;
    expect([only!.value_count, only!.values.length]).toEqual([12, 5]);
    await get(`${project.collectionAddress}/traits?values_per_type=0`).expect(400);
  });

  it('the traits of a collection have an ETag that changes when a count changes', async () => {
    const project = await refreshed({ '1': { name: 'x', attributes: [trait('A', 'b')] } });
    const path = `${project.collectionAddress}/traits`;
    const etag = (await get(path)).headers['etag']!;

    await get(path).set('if-none-match', etag).expect(304);
    await refresh(project, { '1': { name: 'x', attributes: [trait('A', 'c')] } });
    await get(path).set('if-none-match', etag).expect(200);
  });
});

describe('GET /v1/collections/:address/tokens/:token_id/attempts', () => {
  const attemptsOf = (project: TestProject, query = '') =>
    get(`${project.collectionAddress}/tokens/1/attempts${query}`).set('x-api-key', project.apiKey);

  it('the attempts of a token are all requests with time, URL, status, reason, duration and bytes, newest first', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 503, body: 'busy' }, { status: 200, body: { name: 'One' } });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    await test.database.advance(10);
    await test.worker.runOnce();
    test.metadataApi.respond('1', 200, '<html>');
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    const { body } = await attemptsOf(project).expect(200);

    const url = `${test.metadataApi.url}/${project.collectionAddress}/1`;
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string;
    const number = expect.any(Number) as number;
    expect(body).toMatchObject({
      result: [
        { url, attempt: 1, outcome: 'undecodable', status_code: 200, reason: 'not_json', bytes: 6 },
        { url, attempt: 2, outcome: 'fetched', status_code: 200, reason: null, bytes: 14 },
        {
          refresh_id: refreshId,
          url,
          attempt: 1,
          outcome: 'bad_status',
          status_code: 503,
          reason: 'status_503',
          duration_ms: number,
          bytes: 4,
          attempted_at: time,
        },
      ],
      remaining: 0,
    });
  });

  it('the attempts of a token have pages', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    for (let count = 0; count < 3; count += 1) {
      await requestRefresh(test.app, project, ['1']);
      await test.worker.runOnce();
    }

    const first = (await attemptsOf(project, '?page_size=2')).body as { result: object[]; cursor: string };
    const second = (await attemptsOf(project, `?page_size=2&cursor=${first.cursor}`)).body as { result: object[] };

    expect([first.result.length, second.result.length]).toEqual([2, 1]);
  });

  it('the attempts of a token are readable only by the project that owns the collection', async () => {
    const [project, stranger] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];
    const path = `${project.collectionAddress}/tokens/1/attempts`;

    expect((await get(path).expect(401)).body).toMatchObject({ code: 'unauthorized' });
    expect((await get(path).set('x-api-key', stranger.apiKey).expect(403)).body).toMatchObject({ code: 'forbidden' });
    const unknown = await get(`${project.collectionAddress}/tokens/9/attempts`)
      .set('x-api-key', project.apiKey)
      .expect(404);
    expect(unknown.body).toMatchObject({ code: 'token_not_found' });
  });

  it('the retention deletes the attempts of a token after a week', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const { RefreshRetention } = await import('@app/metadata-refresh');

    await test.database.advance(6 * 86_400);
    await test.app.get(RefreshRetention).deleteExpired();
    expect(((await attemptsOf(project)).body as { result: object[] }).result).toHaveLength(1);
    await test.database.advance(2 * 86_400);
    await test.app.get(RefreshRetention).deleteExpired();
    expect(((await attemptsOf(project)).body as { result: object[] }).result).toEqual([]);
  });
});

describe('unknown query parameters', () => {
  it.each([
    ['tokens/1?chain=1', 'chain is not a parameter here; there are chain_id'],
    ['tokens/1?chainId=1', 'chainId is not a parameter here; did you mean chain_id?'],
    ['traits?value_per_type=5', 'value_per_type is not a parameter here; did you mean values_per_type?'],
    [
      'traits?page_size=5&x=1',
      'page_size is not a parameter here; there are chain_id, values_per_type; x is not a parameter here; there are chain_id, values_per_type',
    ],
    ['tokens/1/attempts?pagesize=5', 'pagesize is not a parameter here; did you mean page_size?'],
  ])('an unknown query parameter of one of our own routes is refused by name: %s', async (path, message) => {
    const project = await test.aProject({ tokens: ['1'] });

    const response = await get(`${project.collectionAddress}/${path}`).set('x-api-key', project.apiKey);

    expect(response).toMatchObject({ status: 400, body: { code: 'input_validation_failed', message } });
  });

  it('/v1/limits?project=1', async () => {
    const project = await test.aProject();

    expect(await http(test.app).get('/v1/limits?project=1').set('x-api-key', project.apiKey)).toMatchObject({
      status: 400,
      body: { code: 'input_validation_failed', message: 'project is not a parameter here; there are none' },
    });
  });

  it('an unknown query parameter is ignored on the routes of Immutable X and Mavis Market, whose clients may send more', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const more = { collection_address: project.collectionAddress, token_ids: ['1'], source: 'sdk' };
    const ask = (method: 'get' | 'post', path: string) => http(test.app)[method](path).set('x-api-key', project.apiKey);

    const { body } = await ask('post', '/v1/metadata-refreshes?x=1').send(more).expect(202);
    const { refresh_id: refreshId } = body as { refresh_id: string };

    await ask('get', '/v1/metadata-refreshes?order_by=created_at&page_size=5').expect(200);
    await ask('get', `/v1/metadata-refreshes/${refreshId}?x=1`).expect(200);
    await ask('get', `/v1/metadata-refreshes/${refreshId}/errors?x=1`).expect(200);
    await ask('post', `/collections/${project.collectionAddress}/refresh_metadata?x=1`).send(more).expect(200);
  });
});
