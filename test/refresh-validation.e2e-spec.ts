import { MetadataRefreshService } from '@app/metadata-refresh';
import { Anvil, MetadataHost } from '@app/testing';
import { Collections, VersionStore, type Collection } from '@app/token-store';
import { http, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';
import { postValidation, readStoredRows, validate } from './support/validations.js';

let test: TestApp;
let elsewhere: MetadataHost;
beforeAll(async () => {
  elsewhere = await MetadataHost.start();
  test = await startApp({}, { otherHosts: [elsewhere] });
});
afterAll(async () => {
  await test.stop();
  await elsewhere.close();
});
beforeEach(async () => {
  test.metadataApi.hits.clear();
  test.metadataApi.maxConcurrent = 0;
  await test.database.query("update nft_metadata.metadata_hosts set cooldown_until = '-infinity'");
});

const refresh = async (project: TestProject, tokenIds: readonly string[]) => {
  const refreshId = await requestRefresh(test.app, project, tokenIds);
  await test.worker.runOnce();
  return refreshId;
};
const readToken = async ({ collectionAddress }: TestProject, tokenId: string) =>
  (await http(test.app).get(`/v1/collections/${collectionAddress}/tokens/${tokenId}`).expect(200)).body as Record<
    string,
    unknown
  >;
async function collectionOf({ collectionAddress }: TestProject): Promise<Collection> {
  return (await test.app.get(Collections).findByAddress(collectionAddress))[0]!;
}
const membersOf = (host: string) =>
  test.database.query(`select from nft_metadata.host_workers where host = $1`, [host]);
const usedTokens = async ({ id }: TestProject) =>
  (
    await test.database.query<{ used: number }>(`select used from nft_metadata.refresh_quotas where project_id = $1`, [
      id,
    ])
  )[0]?.used ?? 0;

/** Other suites may need the processor. */
const PATIENTLY = { timeout: 10_000 };

const DRAGON = {
  name: 'Dragon',
  description: 'It breathes fire.',
  image: 'https://cats.example/1.png',
  attributes: [{ trait_type: 'Hat', value: 'Crown' }],
};

it('a validation stores nothing, not even the time of an attempt, and a refresh afterwards does what it said [T20]', async () => {
  const project = await test.aProject({ tokens: ids(5) });
  const [changed, same, first, gone, back] = ids(5) as [string, string, string, string, string];
  const egg = {
    name: 'Egg',
    attributes: [
      { trait_type: 'Hat', value: 'Cap' },
      { trait_type: 'Age', value: 7 },
    ],
  };
  test.metadataApi.respond(changed, 200, egg, { etag: '"egg"' }).respond(same, 200, egg, { etag: '"egg"' });
  test.metadataApi.script(back, { status: 200, body: egg }, { status: 500, body: '' });
  await refresh(project, [changed, same, back]);
  await refresh(project, [back]);
  test.metadataApi.respond(changed, 200, DRAGON).respond(first, 200, DRAGON).respond(gone, 404, 'not here');
  test.metadataApi.respond(back, 200, egg);
  const before = await readStoredRows(test);

  const { tokens, ...validation } = await validate(test, project, [changed, same, first, gone, back]);
  const headers = test.metadataApi.lastHeaders;
  const after = await readStoredRows(test);

  expect(after).toEqual(before);
  expect(headers).not.toHaveProperty('if-none-match');
  expect(validation).toEqual({
    collection_address: project.collectionAddress,
    verdicts: { updated: 2, unchanged: 2, superseded: 0, held: 0, failed: 1, not_tried: 0, not_finished: 0 },
    cooldown: null,
  });
  expect(tokens.map(({ token_id, verdict }) => [token_id, verdict])).toEqual([
    [changed, 'updated'],
    [same, 'unchanged'],
    [first, 'updated'],
    [gone, 'failed'],
    [back, 'unchanged'],
  ]);
  const changes = tokens.map(({ changed_fields, traits_added, traits_removed, has_all_traits }) => {
    return { changed_fields, traits_added, traits_removed, has_all_traits };
  });
  expect(changes[0]).toEqual({
    changed_fields: ['name', 'description', 'image_url', 'image_original', 'attributes'],
    traits_added: [{ trait_type: 'Hat', value: 'Crown' }],
    traits_removed: [
      { trait_type: 'Hat', value: 'Cap' },
      { trait_type: 'Age', value: '7' },
    ],
    has_all_traits: true,
  });
  expect(changes[1]).toEqual({ changed_fields: [], traits_added: [], traits_removed: [], has_all_traits: true });

  await refresh(project, [changed, same, first, gone, back]);
  const times = { last_attempt_at: null, last_success_at: null, changed_at: null };
  for (const [index, tokenId] of [changed, same, first].entries()) {
    expect({ ...tokens[index]!.record, ...times }).toEqual({ ...(await readToken(project, tokenId)), ...times });
  }
  // Its last attempt had failed.
  expect({ ...tokens[4]!.record, ...times }).toEqual({ ...(await readToken(project, back)), ...times });
  expect(tokens[4]!.record).toMatchObject({ metadata_status: 'ok', stale_since: null, last_error_code: null });
  expect(tokens[3]!.record).toBeNull();
  const [update] = await test.app
    .get(VersionStore)
    .findChanges(project.collectionId, [{ tokenId: changed, version: 2 }]);
  expect(update!.changedFields).toEqual(['name', 'description', 'imageUrl', 'imageOriginal', 'attributes']);
  expect(update!.traitsRemoved.length).toBe(2);
});

it('a validation of a hanging host responds within 10 seconds, and says which tokens it could not try [T21]', async () => {
  const project = await test.aProject({ tokens: ids(20), metadataUrl: `${elsewhere.url}/hangs` });
  const startedAt = performance.now();

  const { tokens, verdicts } = await validate(test, project, ids(20));

  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const [failed, others] = [
    tokens.filter(({ verdict }) => verdict === 'failed'),
    tokens.filter(({ verdict }) => verdict !== 'failed'),
  ];
  // Eight concurrent requests at first, and fewer after each timeout.
  expect(failed.length).toBeGreaterThanOrEqual(8);
  for (const token of failed) {
    expect(token).toMatchObject({
      error_code: 'unable_to_retrieve_metadata',
      reason: 'timeout',
      retried_by_refresh: false,
      requests: [{ url: `${elsewhere.url}/hangs/${token.token_id}`, status_code: null }],
    });
  }
  expect(others.length).toBeGreaterThan(0);
  expect(verdicts).toMatchObject({ failed: failed.length, updated: 0, unchanged: 0 });
  for (const token of others) expect(['host_busy', 'time_limit']).toContain(token['reason']);
  await vi.waitUntil(async () => (await membersOf(elsewhere.host)).length === 0, PATIENTLY);
});

it('a validation ends at its time limit however long a fetch may take: what was begun is not finished, the rest not tried [T21]', async () => {
  const patient = await startApp({ safeHttp: { deadlineMs: 60_000 } });
  const project = await patient.aProject({ tokens: ['1', '2'], metadataUrl: `${patient.metadataApi.url}/hangs` });
  await patient.database.query('update nft_metadata.collections set host_concurrency = 1');
  // The first request of an application also makes the OpenAPI document, for the test.
  await http(patient.app).get('/v1/limits').set('x-api-key', project.apiKey).expect(200);
  const startedAt = performance.now();

  const { tokens, verdicts } = await validate(patient, project, ['1', '2']);

  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(verdicts).toMatchObject({ not_finished: 1, not_tried: 1 });
  expect(tokens).toMatchObject([
    { verdict: 'not_finished', error_code: null, reason: 'time_limit', requests: [], record: null },
    { verdict: 'not_tried', error_code: null, reason: 'host_busy', requests: [], record: null },
  ]);
  for (const { advice } of tokens) expect(advice).toMatch(/\.$/);
  await patient.stop();
});

describe('what a validation says of a token', () => {
  const only = async (project: TestProject, tokenId = '1') => (await validate(test, project, [tokenId])).tokens[0]!;

  it('a token whose Metadata API responds with 404 would fail, with the response and advice', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 404, 'no such dragon');

    expect(await only(project)).toMatchObject({
      verdict: 'failed',
      error_code: 'invalid_response_status_code',
      reason: 'status_404',
      advice: expect.stringContaining('has no document') as string,
      retried_by_refresh: false,
      response_body: 'no such dragon',
      requests: [
        {
          url: `${test.metadataApi.url}/${project.collectionAddress}/1`,
          outcome: 'bad_status',
          status_code: 404,
          reason: 'status_404',
          bytes: 14,
          redirects: [],
        },
      ],
      record: null,
    });
  });

  it('a token whose document is not JSON would fail', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, '{"name": "Dragon",}');

    expect(await only(project)).toMatchObject({
      verdict: 'failed',
      error_code: 'unable_to_decode_response',
      reason: 'invalid_json',
      response_body: '{"name": "Dragon",}',
      requests: [{ status_code: 200, bytes: 19 }],
    });
  });

  it('a token whose Metadata API redirects has each URL that the redirects led to', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 302, '', { location: '/moved/first' });
    test.metadataApi.respond('first', 301, '', { location: `${elsewhere.url}/docs/last?v=2` });

    expect(await only(project)).toMatchObject({
      verdict: 'updated',
      requests: [
        {
          url: `${test.metadataApi.url}/${project.collectionAddress}/1`,
          status_code: 200,
          redirects: [`${test.metadataApi.url}/moved/first`, `${elsewhere.url}/docs/last?v=2`],
        },
      ],
      record: { name: 'Token last', metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/1` },
    });
    test.metadataApi.respond('1', 200, DRAGON);
  });

  it('a token whose URL leads to a private address would fail, without a request', async () => {
    const project = await test.aProject({ tokens: ['1'], metadataUrl: 'http://127.0.0.1:9/secret' });
    const redirected = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 302, '', { location: 'http://169.254.169.254/latest/meta-data/' });

    expect(await only(project)).toMatchObject({
      verdict: 'failed',
      error_code: 'unable_to_retrieve_metadata',
      reason: 'blocked_address',
      requests: [{ url: 'http://127.0.0.1:9/secret/1', status_code: null, bytes: 0 }],
    });
    expect(await only(redirected)).toMatchObject({
      reason: 'blocked_address',
      requests: [{ redirects: ['http://169.254.169.254/latest/meta-data/'] }],
    });
  });

  it('a token whose document is unusual has each warning with a sentence', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond(
      '1',
      200,
      { name: 'D'.repeat(300), image: '/dragon.png', attributes: [{ value: 'Crown' }] },
      { 'content-type': 'text/html' },
    );

    const { verdict, warnings, record } = await only(project);

    expect(verdict).toBe('updated');
    expect(warnings).toEqual([
      { code: 'name_cut', message: 'The name is longer than 255 characters, and was truncated.' },
      {
        code: 'relative_image',
        message: 'The URL in image was dropped, because it is a path or a file name: write the whole URL.',
      },
      { code: 'unexpected_media_type', message: expect.stringContaining('application/json') as string },
      { code: 'unnamed_attribute', message: expect.stringContaining('trait_type') as string },
    ]);
    expect(record!['warnings']).toEqual(warnings.map(({ code }) => code));
  });

  it('a token that is not registered would fail, and is not fetched', async () => {
    const project = await test.aProject({ tokens: ['1'] });

    expect((await validate(test, project, ['1', '404'])).tokens[1]).toMatchObject({
      token_id: '404',
      verdict: 'failed',
      error_code: 'token_not_found',
      reason: 'not_registered',
      advice: expect.stringContaining('register') as string,
      requests: [],
    });
    expect([...test.metadataApi.hits.keys()]).toEqual(['1']);
  });

  it('a token that a refresh would try again says so, and is tried once', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 503, body: '' }, { status: 200, body: DRAGON });

    expect(await only(project)).toMatchObject({ verdict: 'failed', reason: 'status_503', retried_by_refresh: true });
    expect(test.metadataApi.hits.get('1')).toBe(1);
  });

  it('a token that is held would end as held, and the rest says what a fetch of its document would do otherwise', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    test.metadataApi.respond('1', 200, { name: 'Egg' });
    await refresh(project, ['1']);
    const path = `/v1/collections/${project.collectionAddress}/tokens/1/versions/1/restore`;
    const restore = http(test.app).post(path).set('x-api-key', project.apiKey);
    await restore.send({ hold_until: 'forever' }).expect(200);
    test.metadataApi.respond('1', 200, DRAGON).respond('2', 200, DRAGON);

    const { tokens, verdicts } = await validate(test, project, ['1', '2']);
    const receipt = await readRefresh(test.app, project, await refresh(project, ['1', '2']));

    expect(tokens[0]).toMatchObject({
      verdict: 'held',
      reason: null,
      requests: [{ status_code: 200 }],
      changed_fields: ['name', 'description', 'image_url', 'image_original', 'attributes'],
      record: { name: 'Dragon', held_until: 'forever' },
    });
    expect(verdicts).toMatchObject({ held: 1, updated: 1, unchanged: 0 });
    expect(receipt).toMatchObject({ verdicts: { held: 1, updated: 1, unchanged: 0 } });
  });

  it('a token whose pushed metadata stays would end as superseded, and one that is held and has no document fails', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    await test.app.get(Collections).update(project.collectionId, { pushPolicy: 'push_wins' });
    const { collectionAddress } = project;
    const limits = { tokensPerRequest: null, tokensPerHour: null };
    await test.app
      .get(MetadataRefreshService)
      .push(
        { id: project.id, ...limits },
        { chainId: 1, collectionAddress, tokens: [{ tokenId: '1', document: DRAGON }] },
      );
    await test.database.query(
      `update nft_metadata.tokens set held_until = 'infinity' where collection_id = $1 and token_id = 2`,
      [project.collectionId],
    );
    test.metadataApi.respond('1', 200, { name: 'Egg' }).respond('2', 404, 'no');

    const { tokens, verdicts } = await validate(test, project, ['1', '2']);

    expect(tokens).toMatchObject([
      { verdict: 'superseded', record: { name: 'Egg' } },
      { verdict: 'failed', reason: 'status_404' },
    ]);
    expect(verdicts).toMatchObject({ superseded: 1, failed: 1 });
  });

  it('a validation reads the document that a contract returns, and fails for a token that the contract does not know', async () => {
    const anvil = await Anvil.start();
    const cards = await anvil.deploy('Cards');
    const chain = await startApp(
      { metadataFetch: { rpcUrls: { [anvil.chainId]: anvil.url } } },
      { otherHosts: [new URL(anvil.url)] },
    );
    const contract = { chainId: anvil.chainId, address: await cards.getAddress() };
    const project = await chain.aProject({ tokens: ['1', '2'], contract });
    await anvil.send(cards, 'mint', '1', `data:application/json,${JSON.stringify(DRAGON)}`);

    const { tokens } = await validate(chain, project, ['1', '2']);

    expect(tokens[0]).toMatchObject({ verdict: 'updated', record: { name: 'Dragon', metadata_status: 'ok' } });
    expect(tokens[1]).toMatchObject({ verdict: 'failed', error_code: 'token_not_found', reason: 'contract_reverted' });
    await chain.stop();
    await anvil.stop();
  });

  it('a document keeps every digit of its numbers', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, '{"name":"Dragon","power":12345678901234567890.5}');

    expect((await postValidation(test.app, project, ['1'])).text).toContain('"power":12345678901234567890.5}');
  });

  it('a document that is too large to be shown is left out, and so is a record with too much inline media', async () => {
    const project = await test.aProject({ tokens: ['1', '2', '3'] });
    const inline = `data:image/png;base64,${'A'.repeat(400_000)}`;
    test.metadataApi.respond('1', 200, { ...DRAGON, story: 's'.repeat(300_000) });
    test.metadataApi.respond('2', 200, { name: 'Dragon', image: inline });
    test.metadataApi.misbehave('3', 'declares a body of 1 TiB');

    const response = await postValidation(test.app, project, ['1', '2', '3']);

    expect(response.body).toMatchObject({
      tokens: [
        { verdict: 'updated', omitted: 'document', record: { name: 'Dragon', document: null } },
        {
          verdict: 'updated',
          omitted: 'record',
          record: null,
          changed_fields: ['name', 'image_url', 'image_original'],
        },
        { verdict: 'failed', reason: 'too_large', omitted: null },
      ],
    });
    expect(response.text.length).toBeLessThan(100_000);
  });
});

describe('requests for a validation', () => {
  it('a validation of more than 20 tokens, or with a field that is wrong, is refused, and counts towards nothing', async () => {
    const project = await test.aProject({ tokens: ids(21) });
    const post = (body: object) =>
      http(test.app).post('/v1/metadata-refreshes/validate').set('x-api-key', project.apiKey).send(body);

    const tooMany = await postValidation(test.app, project, ids(21));
    const wrong = await post({ collection_address: project.collectionAddress, tokens: ['1'] });

    expect([tooMany.status, tooMany.body]).toEqual([
      400,
      {
        code: 'input_validation_failed',
        message: 'token_ids: A validation may name at most 20 tokens; this one names 21.',
      },
    ]);
    expect(wrong.status).toBe(400);
    expect(wrong.body).toMatchObject({ message: expect.stringContaining('token_ids') as string });
    expect((await postValidation(test.app, project, [...ids(20), '1'])).status).toBe(200);
    expect(await usedTokens(project)).toBe(20);
  });

  it('a validation needs credentials, an unused signature, and a collection of the project', async () => {
    const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];
    const headers = await signedHeaders(project);
    const body = { collection_address: project.collectionAddress, token_ids: ['1'] };
    const post = () => http(test.app).post('/v1/metadata-refreshes/validate').send(body);

    expect((await post()).status).toBe(401);
    expect((await post().set(headers)).status).toBe(200);
    expect((await post().set(headers)).body).toMatchObject({ code: 'unauthorized', details: 'signature_already_used' });
    expect((await post().set('x-api-key', other.apiKey)).status).toBe(403);
    const get = await http(test.app).get('/v1/metadata-refreshes/validate').set('x-api-key', project.apiKey);
    expect([get.status, get.headers['allow']]).toEqual([405, 'POST']);
  });

  it('a validation counts its tokens towards the quota, the unregistered ones too, and is refused when the quota is used up', async () => {
    const project = await test.aProject({ tokens: ids(3), limits: { tokensPerHour: 5 } });

    const first = await postValidation(test.app, project, ['1', '404']);
    const refused = await postValidation(test.app, project, ids(4));

    expect(first.headers).toMatchObject({ 'x-imx-refreshes-limit': '5', 'x-imx-remaining-refreshes': '3' });
    expect([refused.status, refused.body]).toMatchObject([429, { code: 'refresh_limit_exceeded' }]);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3000);
    expect([...test.metadataApi.hits.keys()]).toEqual(['1']);
    expect(await usedTokens(project)).toBe(2);
  });

  it('a validation counts as one of the requests per second', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { requestsPerSecond: 1 } });
    await test.database.freezeTime();

    const statuses = [await postValidation(test.app, project, ['1']), await postValidation(test.app, project, ['1'])];
    await test.database.unfreezeTime();

    expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
    expect(await usedTokens(project)).toBe(1);
  });

  it('a project may have four validations running in a process; a fifth one is refused and not counted', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.hold();
    const running = Array.from({ length: 4 }, () => postValidation(test.app, project, ['1']));
    await vi.waitUntil(() => test.metadataApi.heldCount === 4, PATIENTLY);

    const fifth = await postValidation(test.app, project, ['1']);
    test.metadataApi.releaseHeld();

    expect([fifth.status, fifth.body]).toMatchObject([
      429,
      { details: 'The project has 4 validations running, the most that it may have: wait until one has ended.' },
    ]);
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await usedTokens(project)).toBe(4);
  });

  it('a validation on behalf of an operator counts towards nothing', async () => {
    const project = await test.aProject({ tokens: ['1'], limits: { tokensPerHour: 0 } });
    const service = test.app.get(MetadataRefreshService);
    const collection = await collectionOf(project);

    const { verdicts } = await service.validateCollection(collection, ['1']);

    expect(verdicts).toMatchObject({ updated: 1 });
    expect(await usedTokens(project)).toBe(0);
  });
});

describe('politeness', () => {
  it('two validations in two processes at a host with a concurrency of one take turns', async () => {
    const project = await test.aProject({ tokens: ids(3), metadataUrl: `${elsewhere.url}/slow` });
    await test.database.query('update nft_metadata.collections set host_concurrency = 1 where id = $1', [
      project.collectionId,
    ]);
    elsewhere.respondSlowly(ids(3), 30);
    elsewhere.maxConcurrent = 0;
    const other = (await test.anotherProcess()).get(MetadataRefreshService);
    const asked = { id: project.id, tokensPerRequest: null, tokensPerHour: null };

    const validations = await Promise.all([
      validate(test, project, ids(3)),
      other.validate(asked, { collectionAddress: project.collectionAddress, tokenIds: ids(3) }),
    ]);

    expect(validations.map(({ verdicts }) => verdicts)).toMatchObject([{ updated: 3 }, { updated: 3 }]);
    expect(elsewhere.maxConcurrent).toBe(1);
    for (const tokenId of ids(3)) elsewhere.respond(tokenId, 200, DRAGON);
  });

  it('two validations in one process share the concurrency of their host', async () => {
    const project = await test.aProject({ tokens: ids(12) });
    await test.database.query('update nft_metadata.collections set host_concurrency = 2 where id = $1', [
      project.collectionId,
    ]);
    test.metadataApi.respondSlowly(ids(12), 20);

    const validations = await Promise.all([validate(test, project, ids(12)), validate(test, project, ids(12))]);

    expect(validations.map(({ verdicts }) => verdicts)).toMatchObject([{ updated: 12 }, { updated: 12 }]);
    expect(test.metadataApi.maxConcurrent).toBe(2);
  });

  it('a validation beside a running refresh shares the concurrency of the host with its worker', async () => {
    const project = await test.aProject({ tokens: ids(600) });
    test.metadataApi.respondSlowly(ids(600), 50);
    const refreshId = await requestRefresh(test.app, project, ids(600));
    const other = await test.anotherWorker();
    other.start();
    await vi.waitUntil(() => test.metadataApi.totalHits >= 8, PATIENTLY);

    const { verdicts } = await validate(test, project, ids(20));
    const meanwhile = await readRefresh(test.app, project, refreshId);
    await vi.waitUntil(
      async () => {
        other.wake();
        return (await readRefresh(test.app, project, refreshId))['status'] === 'completed';
      },
      { timeout: 30_000, interval: 100 },
    );
    await other.stop();

    expect(verdicts.updated! + verdicts.unchanged!).toBe(20);
    expect(meanwhile['status']).toBe('in_progress');
    expect(test.metadataApi.maxConcurrent).toBe(8);
  });

  it('a validation sends no request while its host is in cooldown, and says until when', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    test.metadataApi.respond('1', 429, '', { 'retry-after': '40' });
    await refresh(project, ['1']);
    test.metadataApi.hits.clear();
    const startedAt = performance.now();

    const { tokens, cooldown } = await validate(test, project, ['2']);

    expect(tokens[0]).toMatchObject({ verdict: 'not_tried', reason: 'cooldown', requests: [] });
    expect(tokens[0]!['advice']).toMatch(/try again/);
    expect(cooldown).toMatchObject({ host: test.metadataApi.host });
    expect(test.metadataApi.totalHits).toBe(0);
    // It does not wait for its time limit.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('a validation waits for the end of a short cooldown', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, DRAGON);
    await test.database.query(
      `insert into nft_metadata.metadata_hosts (host, cooldown_until) values ($1, now() + interval '1500 milliseconds')
       on conflict (host) do update set cooldown_until = excluded.cooldown_until`,
      [test.metadataApi.host],
    );

    expect((await validate(test, project, ['1'])).verdicts).toMatchObject({ updated: 1 });
  });

  it('a 429 during a validation starts a cooldown: the tokens behind it are not tried, and no worker sends a request', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    await test.database.query('update nft_metadata.collections set host_concurrency = 1 where id = $1', [
      project.collectionId,
    ]);
    test.metadataApi.respond('1', 429, '', { 'retry-after': '40' }).respond('2', 200, DRAGON);

    const { tokens, cooldown } = await validate(test, project, ['1', '2']);
    await refresh(project, ['2']);

    expect(tokens).toMatchObject([
      { verdict: 'failed', reason: 'status_429', retried_by_refresh: true },
      { verdict: 'not_tried', reason: 'cooldown' },
    ]);
    expect(cooldown).not.toBeNull();
    expect(test.metadataApi.totalHits).toBe(1);
    await test.database.advance(40);
    await test.worker.runOnce();
    expect(test.metadataApi.hits.get('2')).toBe(1);
  });

  it('the host of a validation is left when the validation has ended', async () => {
    const project = await test.aProject({ tokens: ['1'], metadataUrl: `${elsewhere.url}/quick` });
    elsewhere.respond('1', 200, DRAGON);

    await validate(test, project, ['1']);

    // Nothing else removes it: processes that died are forgotten after a minute, and only by the next one that uses a host.
    await vi.waitUntil(async () => (await membersOf(elsewhere.host)).length === 0, PATIENTLY);
  });

  it('a process that shuts down ends its validations at once, and leaves their hosts', async () => {
    const project = await test.aProject({ tokens: ['1'], metadataUrl: `${elsewhere.url}/held` });
    const other = await test.anotherProcess();
    elsewhere.hold();
    const validation = other.get(MetadataRefreshService).validateCollection(await collectionOf(project), ['1']);
    await vi.waitUntil(() => elsewhere.heldCount === 1, PATIENTLY);

    await other.close();

    expect((await validation).tokens).toMatchObject([{ verdict: 'not_finished', noResult: { reason: 'shutdown' } }]);
    expect(await membersOf(elsewhere.host)).toEqual([]);
    elsewhere.releaseHeld();
  });
});
