import { type EventTriggerDetail, MetadataRefreshService } from '@app/metadata-refresh';
import { Projects } from '@app/project-auth';
import { Collections, TokenStore } from '@app/token-store';
import { readErrors, readRefresh } from './support/project-api.js';
import { acceptedId, estimate, pendingTokens, postRefresh } from './support/selections.js';
import { startApp, type TestApp } from './support/start-app.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());

const UINT256 = 2n ** 256n;

describe('ranges', () => {
  it('a range of ids refreshes the registered tokens in it, both ends included, and nothing else [T13]', async () => {
    const project = await test.aProject({ tokens: ['0', '1', '5', '6', '999', '1000', '1001'] });

    const refreshId = await acceptedId(test, project, { tokens: [{ from: '1', to: '1000' }] });
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      summary: { succeeded: 5, failed: 0, pending: 0 },
    });
    expect(await readErrors(test.app, project, refreshId)).toEqual([]);
    const fetched = await test.app.get(TokenStore).listTokens({ collectionId: project.collectionId });
    const isFetched = ({ lastRefreshId }: { lastRefreshId: string | null }) => lastRefreshId === refreshId;
    expect(fetched.filter(isFetched).map(({ tokenId }) => tokenId)).toEqual(['1', '5', '6', '999', '1000']);
  });

  it('ranges may overlap and come in any order: each token is refreshed once [T16]', async () => {
    const project = await test.aProject({ tokens: ids(300) });
    const tokens = [
      { from: '200', to: '250' },
      { from: 1, to: '10' },
      { from: '5', to: '220' },
      { from: '251', to: '251' },
    ];

    const response = await postRefresh(test, project, { tokens }).expect(202);

    const { refresh_id: refreshId } = response.body as { refresh_id: string };
    expect(await pendingTokens(test, refreshId)).toEqual(ids(251));
    expect(response.headers['x-imx-remaining-refreshes']).toBe('29749');
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { pending: 251 } });
  });

  it('a range of one id that is given twice is one token, and the largest ids are exact [T16]', async () => {
    const [last, beforeLast] = [String(UINT256 - 1n), String(UINT256 - 2n)];
    const project = await test.aProject({ tokens: ['0', beforeLast, last] });
    const range = { from: last, to: last };

    const one = await acceptedId(test, project, { tokens: [range, range] });
    const two = await acceptedId(test, project, { tokens: [{ from: beforeLast, to: last }] });

    expect(await pendingTokens(test, one)).toEqual([last]);
    expect(await pendingTokens(test, two)).toEqual([beforeLast, last]);
  });

  it('a hundred ranges are accepted, and tokens between them are left out [T16]', async () => {
    const project = await test.aProject({ tokens: ids(1000) });
    const tokens = Array.from({ length: 100 }, (_, index) => ({ from: `${index * 10 + 1}`, to: `${index * 10 + 3}` }));

    const refreshId = await acceptedId(test, project, { tokens });

    expect(await pendingTokens(test, refreshId)).toEqual(
      ids(1000).filter((id) => Number(id) % 10 >= 1 && Number(id) % 10 <= 3),
    );
  });

  it.each<[string, object, RegExp]>([
    ['a range that runs backwards', { tokens: [{ from: '2', to: '1' }] }, /^tokens\.0 runs backwards/],
    [
      '101 ranges',
      { tokens: Array.from({ length: 101 }, (_, index) => ({ from: `${index * 2}`, to: `${index * 2}` })) },
      /^tokens must have at most 100 ranges/,
    ],
    ['no range', { tokens: [] }, /^tokens must have at least one range/],
    ['an id of 2^256', { tokens: [{ from: '1', to: String(UINT256) }] }, /^tokens\.0\.to must be a decimal uint256/],
    ['a negative id', { tokens: [{ from: -1, to: '1' }] }, /^tokens\.0\.from must be a decimal uint256/],
    ['a range without its end', { tokens: [{ from: '1' }] }, /^tokens\.0\.to must be/],
    ['ids instead of ranges', { tokens: ['1'] }, /^tokens\.0 must be a range/],
    [
      'a range with another field',
      { tokens: [{ from: '1', to: '2', too: '3' }] },
      /too is not a field here; did you mean to\?/,
    ],
    [
      'a list and ranges',
      { token_ids: ['1'], tokens: [{ from: '1', to: '1' }] },
      /one of token_ids and tokens, not both/,
    ],
    ['a list and all', { token_ids: ['1'], all: true }, /one of token_ids and all, not both/],
    ['neither a list nor a selection', {}, /^token_ids must be a list of token ids; or send tokens or all/],
    ['all that is false', { all: false }, /^all must be true, or absent/],
    ['a status of ranges', { tokens: [{ from: '1', to: '1' }], status: ['failed'] }, /^status narrows all/],
    [
      'an age of a list',
      { token_ids: ['1'], not_refreshed_since: '2026-01-01T00:00:00Z' },
      /^not_refreshed_since narrows all/,
    ],
    ['no status', { all: true, status: [] }, /^status must be a list of one or more of "pending", "stale", "failed"/],
    ['an unknown status', { all: true, status: ['ok'] }, /^status\.0 must be one of "pending"/],
    [
      'a time without a zone',
      { all: true, not_refreshed_since: '2026-01-01T00:00:00' },
      /^not_refreshed_since must be a time in RFC 3339/,
    ],
    ['another priority', { all: true, priority: 'high' }, /^priority must be "low", or absent/],
    [
      'a misspelt field beside an addition',
      { all: true, not_befor: '2026-01-01T00:00:00Z' },
      /not_befor is not a field here; did you mean not_before\?/,
    ],
  ])(
    'a request with %s gets 400, which says what would be right, and counts towards no limit [T16]',
    async (_, body, message) => {
      const project = await test.aProject({ tokens: ['1'] });

      const response = await postRefresh(test, project, body);

      expect(response.status).toBe(400);
      expect(response.body).toEqual({
        code: 'input_validation_failed',
        message: expect.stringMatching(message) as string,
      });
      expect((await estimate(test, project, { all: true })).tokens_per_hour.remaining).toBe(30_000);
    },
  );

  it('unknown fields beside a list of ids are ignored, as in the public wire format', async () => {
    const project = await test.aProject({ tokens: ['1'] });

    await postRefresh(test, project, { token_ids: ['1'], client: 'sdk' }).expect(202);
  });
});

describe('all tokens', () => {
  it('all registered tokens are refreshed in one refresh, in the order of their ids, in chunks of 128', async () => {
    const project = await test.aProject({ tokens: [...ids(300, 100), '5', '1000'] });

    const refreshId = await acceptedId(test, project, { all: true });

    expect(await pendingTokens(test, refreshId)).toEqual(['5', ...ids(300, 100), '1000']);
    const chunks = await test.database.query(
      'select token_count::int as tokens, priority, is_paused from nft_metadata.refresh_chunks where refresh_id = $1 order by last_token_id',
      [refreshId],
    );
    expect(chunks).toEqual([128, 128, 46].map((tokens) => ({ tokens, priority: 2, is_paused: false })));
    await test.worker.runOnce();
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      status: 'completed',
      trigger: 'api',
      summary: { succeeded: 302, failed: 0, pending: 0 },
    });
  });

  it('a refresh of all tokens keeps the tokens that were registered when it was accepted: later ones are not part of it, removed ones fail', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    const refreshId = await acceptedId(test, project, { all: true });

    await test.app.get(TokenStore).registerTokens(project.collectionId, ['3']);
    await test.app.get(TokenStore).removeTokens(project.collectionId, ['2']);
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ summary: { succeeded: 1, failed: 1 } });
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { token_id: '2', error_code: 'token_not_found' },
    ]);
  });

  it('status selects tokens by their last attempt: never fetched, failed with older metadata, failed without any', async () => {
    const project = await test.aProject({ tokens: ids(4) });
    test.metadataApi.respond('1', 200, { name: 'One' }).respond('2', 200, { name: 'Two' }).respond('3', 404);
    await acceptedId(test, project, { token_ids: ids(3) });
    await test.worker.runOnce();
    test.metadataApi.respond('2', 404);
    await acceptedId(test, project, { token_ids: ['2'] });
    await test.worker.runOnce();
    const selected = async (...status: string[]) =>
      pendingTokens(test, await acceptedId(test, project, { all: true, status }));

    expect(await selected('stale')).toEqual(['2']);
    expect(await selected('failed')).toEqual(['3']);
    expect(await selected('pending')).toEqual(['4']);
    expect(await selected('pending', 'failed', 'stale', 'failed')).toEqual(['2', '3', '4']);
    test.metadataApi.respond('2', 200, { name: 'Two' }).respond('3', 200, { name: 'Three' });
    await test.worker.runOnce();
  });

  it('not_refreshed_since selects tokens without a successful fetch since then: older ones, and those that never had one', async () => {
    const project = await test.aProject({ tokens: ids(4) });
    test.metadataApi.respond('3', 404);
    await acceptedId(test, project, { token_ids: ['1'] });
    await test.worker.runOnce();
    await test.database.advance(3600);
    const [{ now } = { now: new Date() }] = await test.database.query<{ now: Date }>('select now()');
    await acceptedId(test, project, { token_ids: ['2', '3'] });
    await test.worker.runOnce();
    const selected = async (more: object) =>
      pendingTokens(test, await acceptedId(test, project, { all: true, ...more }));

    expect(await selected({ not_refreshed_since: now.toISOString() })).toEqual(['1', '3', '4']);
    expect(await selected({ not_refreshed_since: now.toISOString(), status: ['failed'] })).toEqual(['3']);
    test.metadataApi.respond('3', 200, { name: 'Three' });
    await test.worker.runOnce();
  });

  it('a selection without a registered token gets 400 selection_empty, and saves nothing', async () => {
    const project = await test.aProject({ tokens: ['7'] });

    for (const body of [{ tokens: [{ from: '1', to: '6' }] }, { all: true, status: ['stale'] }]) {
      expect((await postRefresh(test, project, body).expect(400)).body).toMatchObject({ code: 'selection_empty' });
    }
    expect(await test.database.query('select from nft_metadata.refreshes where project_id = $1', [project.id])).toEqual(
      [],
    );
  });

  it('a selection may be larger than a list, up to the limit of the project for selections, by default its quota', async () => {
    const project = await test.aProject({ tokens: ids(5), limits: { tokensPerRequest: 2, tokensPerHour: 4 } });

    const refused = await postRefresh(test, project, { all: true });
    expect(refused.status).toBe(400);
    expect(refused.body).toEqual({
      code: 'selection_too_large',
      message: 'A selection may have at most 4 tokens; this one has 5.',
    });
    const response = await postRefresh(test, project, { tokens: [{ from: '1', to: '4' }] }).expect(202);
    expect(response.headers['x-imx-remaining-refreshes']).toBe('0');
  });

  it('a project with a smaller limit for selections is refused beyond it, and 0 blocks every selection', async () => {
    const project = await test.aProject({ tokens: ids(3), limits: { tokensPerSelection: 2 } });

    expect((await postRefresh(test, project, { all: true }).expect(400)).body).toMatchObject({
      code: 'selection_too_large',
    });
    await postRefresh(test, project, { tokens: [{ from: '1', to: '2' }] }).expect(202);
    await test.app.get(Projects).setLimits(project.id, { tokensPerSelection: 0 });
    expect((await postRefresh(test, project, { tokens: [{ from: '1', to: '1' }] }).expect(400)).body).toMatchObject({
      code: 'selection_too_large',
    });
    await postRefresh(test, project, { token_ids: ids(3) }).expect(202);
  });

  it('a selection of more tokens than the quota has left is refused as a whole', async () => {
    const project = await test.aProject({ tokens: ids(3), limits: { tokensPerHour: 4, tokensPerSelection: 10 } });
    await postRefresh(test, project, { token_ids: ['1', '2'] }).expect(202);

    const refused = await postRefresh(test, project, { all: true });

    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({ 'x-imx-remaining-refreshes': '2' });
    const chunks = await test.database.query(
      'select from nft_metadata.refreshes where project_id = $1 and selection is not null',
      [project.id],
    );
    expect(chunks).toEqual([]);
  });

  it('concurrent selections of one project are accepted for exactly as many tokens as the quota allows', async () => {
    const project = await test.aProject({ tokens: ids(20), limits: { tokensPerHour: 70 } });
    const other = await test.anotherProcess();
    const requestOf = (app: Pick<TestApp['app'], 'get'>) =>
      app
        .get(MetadataRefreshService)
        .request(
          { id: project.id, tokensPerRequest: null, tokensPerHour: 70 },
          { collectionAddress: project.collectionAddress, selection: { all: true } },
        );

    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => requestOf(index % 2 ? test.app : other)),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await estimate(test, project, { all: true })).toMatchObject({ tokens_per_hour: { remaining: 10 } });
  });

  it('the deployment has a limit for every selection, also for those that the service makes itself', async () => {
    await using small = await withApp({ metadataRefresh: { maxSelectionTokens: 3 } });
    const project = await small.test.aProject({ tokens: ids(4), limits: { tokensPerSelection: 1_000_000 } });
    const collection = (await small.test.app.get(Collections).findByAddress(project.collectionAddress))[0]!;
    const service = small.test.app.get(MetadataRefreshService);

    expect((await postRefresh(small.test, project, { all: true }).expect(400)).body).toMatchObject({
      message: 'A selection may have at most 3 tokens; this one has 4.',
    });
    await expect(service.requestSelection(collection, { selection: { all: true }, trigger: 'event' })).rejects.toThrow(
      'A selection may have at most 3 tokens; this one has 4.',
    );
  });
});

describe('what a selection costs', () => {
  it('an estimate says how many tokens a refresh has and what is left of the quota, and accepts nothing', async () => {
    const project = await test.aProject({ tokens: ids(300), limits: { tokensPerHour: 1000 } });
    const limits = { limit: 1000, remaining: 1000, resets_at: expect.stringMatching(/Z$/) as string };

    expect(await estimate(test, project, { tokens: [{ from: '1', to: '250' }] })).toEqual({
      tokens: 250,
      tokens_charged: 250,
      tokens_per_hour: limits,
      expected_seconds: null,
      exceeds: null,
    });
    expect(await estimate(test, project, { all: true, status: ['stale'] })).toMatchObject({ tokens: 0 });
    expect(await estimate(test, project, { token_ids: ['1', '1', '9999'] })).toMatchObject({ tokens: 2 });
    expect(await test.database.query('select from nft_metadata.refreshes where project_id = $1', [project.id])).toEqual(
      [],
    );
    expect(
      await test.database.query('select from nft_metadata.refresh_quotas where project_id = $1', [project.id]),
    ).toEqual([]);
  });

  it('an estimate takes the duration from the last requests to the Metadata API, its concurrency and what waits for it', async () => {
    const metadataUrl = `${test.metadataApi.url}/slow`;
    const project = await test.aProject({ tokens: ids(800), metadataUrl });
    await acceptedId(test, project, { token_ids: ids(10) });
    await test.worker.runOnce();
    await test.database.query('update nft_metadata.refresh_attempts set duration_ms = 400 where collection_id = $1', [
      project.collectionId,
    ]);

    // 8 requests of 400 ms at a time are 20 tokens a second.
    expect(await estimate(test, project, { all: true })).toMatchObject({ expected_seconds: 40 });
    const refreshId = await acceptedId(test, project, { token_ids: ids(400) });
    expect(await estimate(test, project, { all: true })).toMatchObject({ expected_seconds: 60 });
    await test.worker.runOnce();
    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });
  });

  it('an estimate names the limit that would refuse the request', async () => {
    const limits = { tokensPerRequest: 2, tokensPerSelection: 4, tokensPerHour: 3 };
    const project = await test.aProject({ tokens: ids(5), limits });

    expect(await estimate(test, project, { token_ids: ids(3) })).toMatchObject({ exceeds: 'tokens_per_request' });
    expect(await estimate(test, project, { all: true })).toMatchObject({ exceeds: 'tokens_per_selection' });
    expect(await estimate(test, project, { tokens: [{ from: '1', to: '4' }] })).toMatchObject({
      exceeds: 'tokens_per_hour',
    });
    expect(await estimate(test, project, { tokens: [{ from: '1', to: '3' }] })).toMatchObject({ exceeds: null });
  });

  it('what the service requests itself belongs to the project of the collection and counts towards no limit', async () => {
    const project = await test.aProject({ tokens: ids(20), limits: { tokensPerHour: 1, tokensPerRequest: 1 } });
    const [collection] = await test.app.get(Collections).findByAddress(project.collectionAddress);
    const event = {
      chainId: 1,
      events: [{ kind: 'metadata_update', transactionHash: '0x1', blockNumber: 7, logIndex: 0, tokens: [['5', '5']] }],
    } satisfies EventTriggerDetail;

    const { refreshId, tokens } = await test.app.get(MetadataRefreshService).requestSelection(collection!, {
      selection: { ranges: [{ from: '5', to: '100' }] },
      trigger: 'event',
      triggerDetail: event,
    });

    expect(tokens).toBe(16);
    const [row] = await test.database.query(
      'select project_id, trigger, trigger_detail, selection, charged from nft_metadata.refreshes where id = $1',
      [refreshId],
    );
    expect(row).toEqual({
      project_id: project.id,
      trigger: 'event',
      trigger_detail: event,
      selection: { ranges: [{ from: '5', to: '100' }] },
      charged: 0,
    });
    expect(await estimate(test, project, { all: true })).toMatchObject({ tokens_per_hour: { remaining: 1 } });
  });
});

describe('low priority', () => {
  it('a refresh of low priority is fetched when no other refresh of the project waits for the host', async () => {
    const project = await test.aProject({ tokens: ids(200) });
    const low = await acceptedId(test, project, { tokens: [{ from: '1', to: '100' }], priority: 'low' });
    const high = await acceptedId(test, project, { tokens: [{ from: '101', to: '200' }] });

    await test.worker.runOnce();

    const startOf = (id: string) => test.metadataApi.requestTimes.get(id)!.at(-1)!.startedAt;
    expect(Math.min(...ids(100).map(startOf))).toBeGreaterThan(Math.max(...ids(100, 101).map(startOf)));
    for (const refreshId of [low, high]) {
      expect(await readRefresh(test.app, project, refreshId)).toMatchObject({ status: 'completed' });
    }
  });
});

async function withApp(options: Parameters<typeof startApp>[0]) {
  const started = await startApp(options);
  return { test: started, [Symbol.asyncDispose]: () => started.stop() };
}
