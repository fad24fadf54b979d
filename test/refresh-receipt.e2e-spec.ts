import { http, readRefresh, requestRefresh } from './support/project-api.js';
import { control, untilStatus } from './support/refresh-control.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());
afterEach(() => test.database.unfreezeTime());

/** `nft_refresh_results_total` by verdict and reason. */
async function readResultCounts(): Promise<Map<string, number>> {
  const { text } = await http(test.app).get('/metrics').expect(200);
  const lines = text.matchAll(/^nft_refresh_results_total\{verdict="(\w+)",reason="(\w*)"\} (\d+)$/gm);
  return new Map([...lines].map(([, verdict, reason, count]) => [`${verdict} ${reason}`.trim(), Number(count)]));
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

/** Writes the trigger that a service of the same process would have passed. */
const setTrigger = (refreshId: string, trigger: string) =>
  test.database.query('update nft_metadata.refreshes set trigger = $2 where id = $1', [refreshId, trigger]);

async function listedIds(project: TestProject, query = ''): Promise<string[]> {
  const { body } = await http(test.app)
    .get(`/v1/metadata-refreshes${query}`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  return (body as { result: { refresh_id: string }[] }).result.map(({ refresh_id }) => refresh_id);
}

it('the metrics count the tokens that ended, by verdict and reason', async () => {
  const before = await readResultCounts();
  const project = await test.aProject({ tokens: ids(4) });
  test.metadataApi.respond('3', 404).respond('4', 200, '<html>');
  await requestRefresh(test.app, project, ids(4));
  await test.worker.runOnce();
  await requestRefresh(test.app, project, ['1']);
  await test.worker.runOnce();
  const cancelled = await requestRefresh(test.app, project, ['1', '2']);
  await control(test.app, project, cancelled, 'cancel').expect(202);
  await untilStatus(test, project, cancelled, 'completed');

  const after = await readResultCounts();

  const added = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  expect(Object.fromEntries(added.filter(([, count]) => count > 0))).toEqual({
    updated: 2,
    unchanged: 1,
    'failed status_404': 1,
    'failed not_json': 1,
    cancelled: 2,
  });
});

describe('the status of a refresh', () => {
  it('the status of a refresh says why tokens failed, how many, and what the studio has to do', async () => {
    const project = await test.aProject({ tokens: ids(6) });
    for (const tokenId of ['2', '3', '5']) test.metadataApi.respond(tokenId, 404, 'not here');
    test.metadataApi.respond('4', 200, '<html>');
    const refreshId = await requestRefresh(test.app, project, [...ids(6), '77']);
    await test.worker.runOnce();

    const refresh = await readRefresh(test.app, project, refreshId);

    expect(refresh).toMatchObject({
      status: 'completed',
      summary: { succeeded: 2, failed: 5, pending: 0 },
      verdicts: { updated: 2, unchanged: 0, failed: 5, cancelled: 0 },
      reasons: [
        {
          error_code: 'invalid_response_status_code',
          reason: 'status_404',
          count: 3,
          example_token_id: '2',
          advice: expect.stringMatching(/no document for these tokens/) as string,
        },
        {
          error_code: 'token_not_found',
          reason: 'not_registered',
          count: 1,
          example_token_id: '77',
          advice: expect.stringMatching(/register the tokens/) as string,
        },
        {
          error_code: 'unable_to_decode_response',
          reason: 'not_json',
          count: 1,
          example_token_id: '4',
          advice: expect.stringMatching(/instead of JSON/) as string,
        },
      ],
      progress: null,
    });
    expect(refresh['advice']).toEqual([
      expect.stringMatching(/^3 tokens failed with status_404, for example token 2\. Your server has no document/),
      expect.stringMatching(/^1 token failed with not_registered, for example token 77\. The marketplace/),
      expect.stringMatching(/^1 token failed with not_json, for example token 4\. Your server sent a web page/),
      expect.stringMatching(/\/tokens\?verdict=updated/),
      expect.stringMatching(/\/tokens\?verdict=failed/),
      'To refresh the failed tokens again, POST to the URL of this refresh with /retry added.',
    ]);
  });

  it('the status of a refresh names the ten most frequent reasons', async () => {
    const project = await test.aProject({ tokens: ids(13) });
    for (const tokenId of ids(12)) test.metadataApi.respond(tokenId, 400 + Number(tokenId));
    test.metadataApi.respond('13', 412);
    const refreshId = await requestRefresh(test.app, project, ids(13));
    await test.worker.runOnce();

    const { reasons } = (await readRefresh(test.app, project, refreshId)) as { reasons: { reason: string }[] };

    expect(reasons).toHaveLength(10);
    expect(reasons[0]).toMatchObject({ reason: 'status_412', count: 2 });
  });

  it('a refresh shows its speed while it runs, measured from its results, and when it will be completed', async () => {
    const project = await test.aProject({ tokens: ids(1280) });
    const refreshId = await requestRefresh(test.app, project, ids(1000));
    const read = async () =>
      (await readRefresh(test.app, project, refreshId)) as {
        summary: { pending: number };
        progress: { per_second: number; estimated_completion: string } | null;
      };
    // An hour in the queue says nothing about the speed.
    await test.database.advance(3600);
    await test.database.freezeTime();
    expect((await read()).progress).toBeNull();
    await finishChunk(refreshId);
    expect(await read()).toMatchObject({ summary: { pending: 872 }, progress: null });

    // A chunk of 128 tokens every 10 seconds. At one instant, results are written in several transactions: the first of them starts
    // the measurement, so that up to two chunks count for the first 10 seconds.
    await test.database.advance(10);
    await finishChunk(refreshId);
    const slow = (await read()).progress!;
    expect(slow.per_second).toBeGreaterThanOrEqual(12.8);
    expect(slow.per_second).toBeLessThan(25.6);
    const remaining = new Date(slow.estimated_completion).getTime() - (await databaseTime());
    expect(remaining / 1000).toBeCloseTo(744 / slow.per_second, 0);

    // Ten times as fast from now on: soon nothing of the slow time is left in the speed.
    for (let round = 0; round < 3; round += 1) {
      await test.database.advance(round === 2 ? 1 : 10);
      await finishChunk(refreshId);
    }
    // Nothing happens any more: the speed falls.
    const before = (await read()).progress!.per_second;
    await test.database.advance(90);
    expect((await read()).progress!.per_second).toBeLessThan(before / 4);

    await test.database.query('update nft_metadata.refresh_chunks set due_at = now()');
    await test.worker.runOnce();
    expect(await read()).toMatchObject({ summary: { pending: 0 }, progress: null });
  });

  it('a refresh is not expected to be completed before the cooldown of its host ends', async () => {
    const project = await test.aProject({ tokens: ids(300) });
    const refreshId = await requestRefresh(test.app, project, ids(300));
    await finishChunk(refreshId);
    await test.database.advance(5);
    await finishChunk(refreshId);
    await test.database.query(
      `insert into nft_metadata.metadata_hosts (host, cooldown_until) values ($1, now() + interval '1 hour')
       on conflict (host) do update set cooldown_until = excluded.cooldown_until`,
      [test.metadataApi.host],
    );

    const refresh = (await readRefresh(test.app, project, refreshId)) as {
      cooldown: { until: string };
      progress: { estimated_completion: string };
      advice: string[];
    };

    expect(refresh.progress.estimated_completion).toBe(refresh.cooldown.until);
    expect(refresh.advice[0]).toContain(
      `asked for a pause: the pending tokens are fetched after ${refresh.cooldown.until}`,
    );
    await test.database.query(`update nft_metadata.metadata_hosts set cooldown_until = '-infinity'`);
  });
});

describe('the list of refreshes', () => {
  it('the list of refreshes has those that were requested, and others only if the trigger parameter names them', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const [byApi, byCommand, byEvent, byPush, byRetry] = [
      await requestRefresh(test.app, project, ['1']),
      await requestRefresh(test.app, project, ['1']),
      await requestRefresh(test.app, project, ['1']),
      await requestRefresh(test.app, project, ['1']),
      await requestRefresh(test.app, project, ['1']),
    ];
    await setTrigger(byCommand, 'cli');
    await setTrigger(byEvent, 'event');
    await setTrigger(byPush, 'push');
    await setTrigger(byRetry, 'retry');

    const ofCollection = `collection_address=${project.collectionAddress}`;
    expect(await listedIds(project)).toEqual([byRetry, byCommand, byApi]);
    expect(await listedIds(project, '?trigger=')).toEqual([byRetry, byCommand, byApi]);
    expect(await listedIds(project, '?trigger=event')).toEqual([byEvent]);
    expect(await listedIds(project, '?trigger=event,api,event')).toEqual([byEvent, byApi]);
    expect(await listedIds(project, `?trigger=push&trigger=cli&${ofCollection}`)).toEqual([byPush, byCommand]);
    expect(await listedIds(project, `?trigger=event&collection_address=0x${'1'.repeat(40)}`)).toEqual([]);
  });

  it('the list of refreshes refuses a trigger that does not exist, and names those that do', async () => {
    const project = await test.aProject();

    const { body } = await http(test.app)
      .get('/v1/metadata-refreshes?trigger=api,events')
      .set('x-api-key', project.apiKey)
      .expect(400);

    expect(body).toEqual({
      code: 'input_validation_failed',
      message: expect.stringMatching(/^trigger\.1 must be one or more of api, partner_api, cli, /) as string,
    });
  });

  it('the pages of the list have each refresh of the named triggers once, in the order of their times', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const requested: string[] = [];
    for (const trigger of ['api', 'event', 'cli', 'push', 'retry', 'api', 'event', 'cli']) {
      const refreshId = await requestRefresh(test.app, project, ['1']);
      await setTrigger(refreshId, trigger);
      if (trigger !== 'event') requested.unshift(refreshId);
    }

    const pages: string[] = [];
    for (let cursor = '', remaining = 1; remaining === 1;) {
      const { body } = await http(test.app)
        .get(`/v1/metadata-refreshes?page_size=2&cursor=${cursor}&trigger=api,cli,push,retry`)
        .set('x-api-key', project.apiKey)
        .expect(200);
      const page = body as { result: { refresh_id: string }[]; cursor: string; remaining: number };
      pages.push(...page.result.map(({ refresh_id }) => refresh_id));
      ({ cursor, remaining } = page);
    }

    expect(pages).toEqual(requested);
  });
});

/** Lets the worker process the first chunk of a refresh, 128 tokens. */
async function finishChunk(refreshId: string): Promise<void> {
  await test.database.query(
    `update nft_metadata.refresh_chunks
     set due_at = now() + case
       when id = (select min(id) from nft_metadata.refresh_chunks where refresh_id = $1) then '0' else interval '1 day'
     end
     where refresh_id = $1`,
    [refreshId],
  );
  await test.worker.runOnce();
}

async function databaseTime(): Promise<number> {
  const [row] = await test.database.query<{ now: Date }>('select now() as now');
  return row!.now.getTime();
}
