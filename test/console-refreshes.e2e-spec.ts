import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BoundedReads } from '@app/metadata-refresh';
import { cellsOf, parse } from './support/csv.js';
import type { z } from 'zod';
import {
  newRefreshSchema,
  overviewSchema,
  refreshDetailsSchema,
  refreshListSchema,
  refreshReasonsSchema,
  refreshTokensSchema,
  type OperatorOverview,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor, expectShape } from './support/console.js';
import { CONSOLE_VARIABLES, startConsoleApp } from './support/console-app.js';
import { holdRows } from './support/held-rows.js';
import { untilLockWaits } from './support/lock-waits.js';
import { requestRefresh } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';

const UNKNOWN = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';
const MAX_TOKEN_ID = String(2n ** 256n - 1n);

let test: TestApp;
let operator: ConsoleVisitor;
beforeAll(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

/** What a spreadsheet would run, at the beginning of a cell or behind something that ends one. */
const FORMULAS = ['=HYPERLINK("http://evil.example")', '+1', '-1', '@SUM(1)', '＝1', ' =1', '\t=2', '\r=3', '\n=4'];
const ids = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
/** Failed tokens from 2 on, whose rows take 20 KB each in a download. */
async function addFailedTokens(refreshId: string, count: number): Promise<void> {
  await test.database.query(
    `with failed as (
       insert into nft_metadata.refresh_errors
         (refresh_id, token_id, metadata_url, status_code, error_code, reason, created_at)
       select $1::uuid, n + 1, 'https://cats.example/' || repeat('x', 20000), 404, 'invalid_response_status_code', 'status_404', now()
       from generate_series(1, $2::int) as n
       returning refresh_id, token_id
     ), results as (
       insert into nft_metadata.refresh_results (refresh_id, finished_at, attempts, verdict, token_id)
       select refresh_id, now(), 1, 'f', token_id from failed
     )
     update nft_metadata.refreshes set total = total + $2::int, failed = failed + $2::int where id = $1::uuid`,
    [refreshId, count],
  );
}

/** The response as soon as it begins: nothing of its body is read. */
async function openDownload(endpoint: string): Promise<IncomingMessage> {
  const server = test.app.getHttpServer() as Server;
  if (!server.listening) await test.app.listen(0, '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  const request = get({ port, host: '127.0.0.1', path: `/console/api/${endpoint}`, headers: operator.headers() });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function readToEnd(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);

/** A refresh of tokens 1 to 12: 2 not JSON, 3 to 6 and 9 not found, 12 with a server error. */
async function aRefreshWithFailures() {
  const project = await test.aProject({ tokens: ids(1, 12) });
  test.metadataApi.respond('2', 200, '{"name": "cut');
  for (const id of ['3', '4', '5', '6', '9']) test.metadataApi.respond(id, 404, 'not here');
  test.metadataApi.respond('12', 500, 'oh no');
  return { project, refreshId: await refreshOnce(test, project, ids(1, 12)) };
}

const readDetails = async (visitor: ConsoleVisitor, refreshId: string) =>
  (await visitor.read(`refreshes/${refreshId}`, refreshDetailsSchema)).refresh;

describe('a refresh', () => {
  it('an operator and its partner see what it is, whose it is, how far it is and what they may do', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const [ofOperator, ofPartner] = [
      await readDetails(operator, refreshId),
      await readDetails(await aPartner(project), refreshId),
    ];

    expect(ofOperator).toMatchObject({
      id: refreshId,
      project: { id: project.id, name: 'Studio' },
      collection: { id: project.collectionId, chainId: 1, address: project.collectionAddress, name: null },
      state: 'completed',
      total: 12,
      succeeded: 5,
      failed: 7,
      pending: 0,
      verdicts: { updated: 5, failed: 7 },
      trigger: 'api',
      host: null,
      maxAttempts: 3,
      quota: { limit: 30_000, used: 12, remaining: 29_988 },
      actions: { retry: 7, cancel: false, pause: false, resume: false },
    });
    expect(ofOperator.story.map(({ kind }) => kind)).toEqual(['completed', 'first_failure', 'accepted']);
    expect(ofPartner).toEqual({ ...ofOperator, project: null });
  });

  it('a refresh that waits names its host, and can be cancelled', async () => {
    const project = await test.aProject({ tokens: ids(1, 3) });
    const refreshId = await requestRefresh(test.app, project, ids(1, 3));

    expect(await readDetails(operator, refreshId)).toMatchObject({
      state: 'queued',
      pending: 3,
      tryingAgain: 0,
      host: { host: test.metadataApi.host, cooldown: null, concurrency: { limit: 8 } },
      actions: { retry: null, cancel: true, pause: true, resume: false },
    });
    await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
    await test.worker.runOnce();
  });

  it('a host in cooldown is named with its end, and the tokens that failed once are trying again [K25] [K31]', async () => {
    const project = await test.aProject({ tokens: ids(1, 2) });
    test.metadataApi.script('1', { status: 429, body: '', headers: { 'retry-after': '30' } });
    const refreshId = await refreshOnce(test, project, ['1']);

    const details = await readDetails(operator, refreshId);
    const { rows } = await operator.read(`refreshes/${refreshId}/tokens?verdict=pending`, refreshTokensSchema);

    expect(details).toMatchObject({
      state: 'queued',
      failed: 0,
      pending: 1,
      tryingAgain: 1,
      cooldown: { host: test.metadataApi.host },
    });
    expect(details.waits).toEqual([expect.stringMatching(/^The host 127\.0\.0\.1:\d+ asked for a pause/)]);
    expect(details.story[0]).toMatchObject({ kind: 'cooldown', until: details.cooldown!.until });
    expect(rows).toMatchObject([
      { tokenId: '1', verdict: 'pending', attempts: 1, response: { statusCode: 429, reason: 'status_429' } },
    ]);
    expect(Date.parse(rows[0]!.nextAttemptAt!)).toBeGreaterThan(Date.now());
    await test.database.query("update nft_metadata.metadata_hosts set cooldown_until = '-infinity'");
    await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
    await test.worker.runOnce();
  });

  it('three reasons are three rows with advice, an example and runs of ids, the most frequent first [K26]', async () => {
    const { refreshId } = await aRefreshWithFailures();
    const { reasons } = await operator.read(`refreshes/${refreshId}/reasons`, refreshReasonsSchema);

    expect(reasons.map(({ reason, count, runs }) => ({ reason, count, runs }))).toEqual(
      [
        {
          reason: 'status_404',
          count: 5,
          runs: [
            { from: '3', to: '6' },
            { from: '9', to: '9' },
          ],
        },
        { reason: 'status_500', count: 1, runs: [{ from: '12', to: '12' }] },
        { reason: 'invalid_json', count: 1, runs: [{ from: '2', to: '2' }] },
      ].toSorted((one, other) => other.count - one.count || order(one.reason) - order(other.reason)),
    );
    expect(reasons[0]).toMatchObject({
      title: 'Your server has no document for these tokens',
      advice: 'Publish it, or check the metadata URL and the ids.',
      hasAllRuns: true,
      example: { tokenId: '3', statusCode: 404, body: 'not here' },
    });
    expect(reasons.reduce((sum, { count }) => sum + count, 0)).toBe((await readDetails(operator, refreshId)).failed);
    const shown = await operator.read(`refreshes/${refreshId}/tokens?reason=status_404`, refreshTokensSchema);
    expect(shown.rows.map(({ tokenId }) => tokenId)).toEqual(['3', '4', '5', '6', '9']);
  });

  it('the tokens of a collection are pages in the order of their ids, with name, hash, change and last response', async () => {
    const project = await test.aProject({ tokens: [...ids(1, 60), MAX_TOKEN_ID] });
    const refreshId = await refreshOnce(test, project, [...ids(1, 60), MAX_TOKEN_ID]);

    const first = await operator.read(`refreshes/${refreshId}/tokens`, refreshTokensSchema);
    const second = await operator.read(`refreshes/${refreshId}/tokens?cursor=${first.next}`, refreshTokensSchema);

    expect(first).toMatchObject({ order: 'token_id', searchedTo: null });
    expect(first.rows[0]).toMatchObject({
      tokenId: '1',
      name: 'Token 1',
      contentHash: expect.any(String) as string,
      verdict: 'updated',
      attempts: 1,
      change: { changedFields: expect.arrayContaining(['name', 'image_url']) as string[], hasAllTraits: true },
      response: { outcome: 'fetched', statusCode: 200 },
    });
    expect([...first.rows, ...second.rows].map(({ tokenId }) => tokenId)).toEqual([...ids(1, 60), MAX_TOKEN_ID]);
    expect(second.next).toBeNull();
  });

  it('while it runs, the tokens that were requested last come first [K32]', async () => {
    const project = await test.aProject({ tokens: ids(1, 3) });
    test.metadataApi.script('2', { status: 429, body: '' }, { status: 200, body: { name: 'Two' } });
    const refreshId = await refreshOnce(test, project, ['1', '2', '3']);
    const latest = async () => {
      const { rows, order } = await operator.read(`refreshes/${refreshId}/tokens?order=latest`, refreshTokensSchema);
      return [order, ...rows.map(({ tokenId, verdict }) => `${tokenId} ${verdict}`)];
    };

    const running = await latest();
    await test.database.advance(60);
    await test.worker.runOnce();

    expect(running[0]).toBe('latest');
    expect(new Set(running)).toEqual(new Set(['latest', '1 updated', '2 pending', '3 updated']));
    expect(await latest()).toEqual(['token_id', '1 updated', '2 updated', '3 updated']);
  });

  it('the tokens that were requested last are found in a bounded part of the requests, and in no chunk but those of pending ones', async () => {
    const project = await test.aProject({ tokens: ids(1, 60) });
    test.metadataApi.script('60', { status: 429, body: '' });
    const refreshId = await refreshOnce(test, project, ids(1, 60));
    await test.database.query(
      `insert into nft_metadata.refresh_attempts
         (collection_id, token_id, refresh_id, attempt, url, outcome, status_code, duration_ms, bytes, attempted_at)
       select collection_id, 1 + n % 60, id, 1, 'https://cats.example', 'fetched', 200, 20, 500, now()
       from nft_metadata.refreshes cross join generate_series(0, 29999) as n where id = $1`,
      [refreshId],
    );
    await test.database.query('analyze nft_metadata.refresh_attempts');

    let pending = 0;
    const statements = await captureStatements(async () => {
      const { rows, order } = await operator.read(`refreshes/${refreshId}/tokens?order=latest`, refreshTokensSchema);
      expect([order, rows.length, rows[0]?.tokenId]).toEqual(['latest', 50, '60']);
      pending = rows.filter(({ verdict }) => verdict === 'pending').length;
    });
    const reads = await explainReads(test.database.url, statements);

    const rowsOf = (wanted: string) =>
      reads.filter(({ table }) => table === wanted).reduce((sum, { rows }) => sum + rows, 0);
    expect(rowsOf('refresh_attempts')).toBe(250);
    expect(pending).toBeLessThan(20);
    // One more for the cooldown of the refresh.
    expect(rowsOf('refresh_chunks')).toBeLessThanOrEqual(2 * pending + 1);
    await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
    await test.database.query("update nft_metadata.metadata_hosts set cooldown_until = '-infinity'");
    await test.worker.runOnce();
  });

  it('all tokens come as CSV to the last digit, and no cell is a formula for a spreadsheet [K33] [K35]', async () => {
    const project = await test.aProject({ tokens: [...ids(1, 3), MAX_TOKEN_ID] });
    const attributes = FORMULAS.map((formula) => ({ trait_type: formula, value: formula }));
    test.metadataApi.respond('1', 200, { name: '=1+1', attributes });
    test.metadataApi.respond('2', 404, '');
    const refreshId = await refreshOnce(test, project, [...ids(1, 3), MAX_TOKEN_ID]);

    const response = await operator.get(`refreshes/${refreshId}/tokens`, { accept: 'text/csv' });
    const failed = await operator.get(`refreshes/${refreshId}/tokens.csv?verdict=failed`);

    expect(response.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="refresh-${refreshId}.csv"`,
    });
    const cells = parse(response.text);
    expect(cells.slice(1).map(([tokenId]) => tokenId)).toEqual(['1', '2', '3', MAX_TOKEN_ID]);
    // In much of Europe, spreadsheets take semicolons for separators, whatever the file has.
    for (const separator of [',', ';', '\t']) {
      const read = cellsOf(response.text, separator);
      expect(read.length).toBeGreaterThan(4);
      expect(read.filter((cell) => /^\s*[=+\-@＝＋－＠]/.test(cell))).toEqual([]);
    }
    for (const formula of FORMULAS) expect(response.text).toContain(formula.trim().replaceAll('"', '""'));
    expect(
      parse(failed.text)
        .slice(1)
        .map(([tokenId]) => tokenId),
    ).toEqual(['2']);
  });

  it('the counts of a refresh add up in every read while workers write [K24]', async () => {
    const tokens = ids(1, 400);
    const project = await test.aProject({ tokens });
    for (const id of ids(1, 40)) test.metadataApi.respond(id, 404, '');
    const refreshId = await requestRefresh(test.app, project, tokens);
    const processed: number[] = [];
    let isDone = false;

    const work = test.worker.runOnce().finally(() => (isDone = true));
    while (!isDone) {
      const { total, succeeded, failed, cancelled, pending, verdicts } = await readDetails(operator, refreshId);
      expect(succeeded + failed + cancelled + pending).toBe(total);
      expect(Object.values(verdicts).reduce((sum, count) => sum + count, 0)).toBe(total - pending);
      processed.push(total - pending);
    }
    await work;

    expect(processed).toEqual(processed.toSorted((one, other) => one - other));
    expect(await readDetails(operator, refreshId)).toMatchObject({ succeeded: 360, failed: 40, pending: 0 });
  });

  it('a client that has the response already gets 304, until something has changed', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const endpoint = `refreshes/${refreshId}`;
    const { headers } = await operator.get(endpoint).expect(200);
    const known = { 'if-none-match': headers['etag']! };

    const same = await operator.get(endpoint, known).expect(304);
    // A proxy that compresses responses makes their ETags weak.
    const weak = { 'if-none-match': `"another", W/${headers['etag']!}` };
    await operator.get(endpoint, weak).expect(304);
    await test.worker.runOnce();

    expect(same.text).toBe('');
    expect(headers['x-nft-console-build']).toMatch(/^[\w-]{12}$/);
    await operator.get(endpoint, known).expect(200);
  });
});

describe('the list of refreshes', () => {
  const listOf = async (visitor: ConsoleVisitor, query = '') => visitor.read(`refreshes${query}`, refreshListSchema);
  const idsOf = ({ rows }: z.output<typeof refreshListSchema>) => rows.map(({ id }) => id);

  it('it has all projects for an operator, one for a partner, newest first, and filters narrow it', async () => {
    const [one, other] = [await test.aProject({ tokens: ['1', '2'] }), await test.aProject({ tokens: ['1'] })];
    test.metadataApi.respond('2', 404, '');
    const failed = await refreshOnce(test, one, ['2']);
    const done = await refreshOnce(test, one, ['1']);
    const running = await requestRefresh(test.app, one, ['1']);
    const ofOther = await requestRefresh(test.app, other, ['1']);

    expect(idsOf(await listOf(operator)).slice(0, 4)).toEqual([ofOther, running, done, failed]);
    expect(idsOf(await listOf(await aPartner(one)))).toEqual([running, done, failed]);
    expect(idsOf(await listOf(operator, `?project=${one.id}&status=running`))).toEqual([running]);
    expect(idsOf(await listOf(operator, `?project=${one.id}&status=done`))).toEqual([done, failed]);
    expect(idsOf(await listOf(operator, `?collection=${one.collectionId}&status=with-failures`))).toEqual([failed]);
    expect(idsOf(await listOf(operator, `?project=${one.id}&trigger=event`))).toEqual([]);
    expect(idsOf(await listOf(operator, `?project=${one.id}&trigger=all`))).toEqual([running, done, failed]);
    await operator.get('refreshes?status=wrong').expect(400);
    await operator.get('refreshes?cursor=wrong').expect(400);
    const cursorOf = (position: object) => Buffer.from(JSON.stringify(position)).toString('base64url');
    const createdAt = '2026-01-01T00:00:00.000000Z';
    const uuid = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';
    for (const position of [
      { createdAt, id: '12' },
      { createdAt: '0000-01-01T00:00:00.000000Z', id: uuid },
    ])
      await operator.get(`refreshes?cursor=${cursorOf(position)}`).expect(400);
    await operator.get(`refreshes/${uuid}/tokens?cursor=${cursorOf({ tokenId: '9'.repeat(78) })}`).expect(400);
    await test.worker.runOnce();
  });

  it('pages follow each other, with and without a filter', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const all: string[] = [];
    for (let count = 0; count < 120; count += 1) all.unshift(await requestRefresh(test.app, project, ['1']));
    const partner = await aPartner(project);

    for (const filter of ['', '&status=running', '&trigger=all']) {
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: z.output<typeof refreshListSchema> = await listOf(partner, `?cursor=${cursor}${filter}`);
        found.push(...idsOf(page));
        cursor = page.next;
      }
      expect(found).toEqual(all);
    }
    await test.worker.runOnce();
  });

  it('a partner without a refresh is shown one of its collections', async () => {
    const project = await test.aProject({ tokens: ['1'] });

    expect(await listOf(await aPartner(project))).toMatchObject({
      rows: [],
      next: null,
      firstCollection: { address: project.collectionAddress },
    });
  });
});

describe('actions', () => {
  it('a partner retries one reason: a new refresh has exactly these tokens, and counts towards the quota [K29]', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const partner = await aPartner(project);
    test.metadataApi.forgetScripts();

    const made = expectShape(
      newRefreshSchema,
      await partner.post(`refreshes/${refreshId}/retry`, { reasons: ['status_404'] }),
    );
    await test.worker.runOnce();

    const { rows } = await partner.read(`refreshes/${made.refreshId}/tokens`, refreshTokensSchema);
    expect(rows.map(({ tokenId, verdict }) => `${tokenId} ${verdict}`)).toEqual(
      ['3', '4', '5', '6', '9'].map((id) => `${id} updated`),
    );
    expect(await readDetails(partner, made.refreshId)).toMatchObject({
      retryOf: refreshId,
      trigger: 'retry',
      quota: { used: 17 },
    });
  });

  it('a retry above what is left of the quota is refused before anything is made, and says when it works [K30]', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const partner = await aPartner(project);
    await test.database.query('update nft_metadata.projects set tokens_per_hour = 14 where id = $1', [project.id]);

    const refused = await partner.post(`refreshes/${refreshId}/retry`);

    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({
      code: 'limit_reached',
      message: expect.stringMatching(/left until \d{4}-/) as string,
    });
    expect((await partner.read('refreshes', refreshListSchema)).rows).toHaveLength(1);
    // An operator's retry may be free.
    expectShape(newRefreshSchema, await operator.post(`refreshes/${refreshId}/retry`, { charge: false }));
    await operator.post(`refreshes/${refreshId}/retry`, { charge: true }).expect(429);
    await test.worker.runOnce();
  });

  it('a refresh is paused, resumed and cancelled, and what is too late is refused in a sentence', async () => {
    const project = await test.aProject({ tokens: ids(1, 3) });
    const refreshId = await requestRefresh(test.app, project, ids(1, 3));
    const partner = await aPartner(project);
    const act = async (action: string) =>
      expectShape(refreshDetailsSchema, await partner.post(`refreshes/${refreshId}/${action}`)).refresh;

    expect(await act('pause')).toMatchObject({
      state: 'paused',
      actions: { pause: false, resume: true, cancel: true },
    });
    expect(await act('resume')).toMatchObject({ state: 'queued', actions: { pause: true, resume: false } });
    // Tokens are being fetched, so the refresh is not completed before they are done.
    test.metadataApi.hold();
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount > 0, { timeout: 10_000 });
    expect(await act('cancel')).toMatchObject({ state: 'cancelling', actions: { cancel: false } });
    test.metadataApi.releaseHeld();
    await round;
    expect(await readDetails(partner, refreshId)).toMatchObject({ state: 'cancelled' });
    expect((await partner.post(`refreshes/${refreshId}/pause`).expect(409)).body).toMatchObject({ code: 'conflict' });
  });

  it('each action is logged with who, what, whose and how it ended, also when it was refused [K23]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const partner = await aPartner(project);
    await test.database.query('delete from nft_metadata.console_actions');

    await operator.post(`refreshes/${refreshId}/pause`).expect(200);
    await partner.post(`refreshes/${refreshId}/retry`).expect(409);
    await partner.post(`refreshes/${UNKNOWN}/cancel`).expect(404);
    await partner.post('refreshes/no-id/cancel').expect(404);

    expect(
      await test.database.query(
        'select who, action, target, outcome, project_id from nft_metadata.console_actions order by id',
      ),
    ).toEqual([
      { who: 'Mira', action: 'refresh.pause', target: refreshId, outcome: 'done', project_id: project.id },
      { who: 'Studio', action: 'refresh.retry', target: refreshId, outcome: 'conflict', project_id: project.id },
      { who: 'Studio', action: 'refresh.cancel', target: UNKNOWN, outcome: 'not_found', project_id: project.id },
      { who: 'Studio', action: 'refresh.cancel', target: 'no-id', outcome: 'not_found', project_id: project.id },
    ]);
    await operator.post(`refreshes/${refreshId}/resume`).expect(200);
    await test.worker.runOnce();
  });
});

it('a partner gets the same for another’s refresh as for one that does not exist, whatever the request [K20]', async () => {
  const { project, refreshId } = await aRefreshWithFailures();
  const stranger = await aPartner(await test.aProject({ tokens: ['1'] }));
  const bodyOf = async (endpoint: string, isPost = false) => {
    const { status, body } = await (isPost ? stranger.post(endpoint) : stranger.get(endpoint));
    return { status, ...(body as object), requestId: undefined };
  };

  for (const below of ['', '/reasons', '/tokens', '/tokens?reason=status_404', '/tokens.csv']) {
    const ofOther = await bodyOf(`refreshes/${refreshId}${below}`);
    expect(ofOther.status).toBe(404);
    expect(ofOther).toEqual(await bodyOf(`refreshes/${UNKNOWN}${below}`));
  }
  for (const action of ['retry', 'cancel', 'pause', 'resume']) {
    expect(await bodyOf(`refreshes/${refreshId}/${action}`, true)).toEqual(
      await bodyOf(`refreshes/${UNKNOWN}/${action}`, true),
    );
  }
  const { next } = await operator.read('refreshes', refreshListSchema);
  for (const filter of [
    `project=${project.id}`,
    `collection=${project.collectionId}`,
    'trigger=all',
    `cursor=${next ?? ''}`,
  ]) {
    expect((await stranger.read(`refreshes?${filter}`, refreshListSchema)).rows).toEqual([]);
  }
});

describe('tabs that share what they read', () => {
  /** As pages ask: a response may be a second old. */
  const AGED = { 'cache-control': 'max-age=1' };
  const PATHS = ['', '/reasons', '/tokens?order=latest'];

  it.each(PATHS)(
    'twenty tabs of one refresh%s are one read at a time, and a client that accepts no age is another one [K41]',
    async (below) => {
      const { refreshId } = await aRefreshWithFailures();
      const path = `refreshes/${refreshId}${below}`;
      const startedAt = performance.now();

      const shared = await captureStatements(async () => {
        const bodies = await Promise.all(
          Array.from({ length: 20 }, async () => (await operator.get(path, AGED).expect(200)).body as object),
        );
        for (const body of bodies) expect(body).toEqual({ ...bodies[0], now: expect.any(String) as string });
      });

      // A read is shared for 800 ms. A busy machine may take longer for so many requests.
      const maxReads = 1 + Math.floor((performance.now() - startedAt) / 800);
      const reads = shared.filter(({ text }) => text.startsWith('start transaction')).length;
      expect(reads).toBeGreaterThan(0);
      expect(reads).toBeLessThanOrEqual(maxReads);
      const fresh = await captureStatements(() => operator.get(path).expect(200));
      expect(fresh.some(({ text }) => text.includes('nft_metadata.refreshes'))).toBe(true);
    },
  );

  it('another partner gets the same as for a refresh that does not exist, also just after its own partner and an operator have read it [K20]', async () => {
    const { project, refreshId } = await aRefreshWithFailures();
    const [own, stranger] = [await aPartner(project), await aPartner(await test.aProject({ tokens: ['1'] }))];
    const bodyOf = async (visitor: ConsoleVisitor, path: string) => {
      const { status, body } = await visitor.get(path, AGED);
      return { status, ...(body as object), requestId: undefined };
    };

    for (const below of PATHS) {
      const path = `refreshes/${refreshId}${below}`;
      const all = [await bodyOf(operator, path), await bodyOf(own, path), await bodyOf(stranger, path)];

      expect(all.map(({ status }) => status)).toEqual([200, 200, 404]);
      expect(all[2]).toEqual(await bodyOf(stranger, `refreshes/${UNKNOWN}${below}`));
      // The other way around: nobody gets the refusal of the stranger.
      await operator.get(path, AGED).expect(200);
      await own.get(path, AGED).expect(200);
    }
    const [ofOperator, ofOwn, ofStranger] = [
      await bodyOf(operator, 'refreshes'),
      await bodyOf(own, 'refreshes'),
      await bodyOf(stranger, 'refreshes'),
    ];
    expect(ofOwn).toMatchObject({ rows: [{ id: refreshId, project: null }] });
    expect(ofStranger).toMatchObject({ rows: [] });
    expect(ofOperator).not.toMatchObject({ rows: [] });
  });

  it('what a person has done is seen at once, also by the tabs of others', async () => {
    const project = await test.aProject({ tokens: ids(1, 3) });
    const refreshId = await requestRefresh(test.app, project, ids(1, 3));
    const [partner, path] = [await aPartner(project), `refreshes/${refreshId}`];
    const stateOf = async (visitor: ConsoleVisitor) => {
      const { body } = await visitor.get(path, AGED).expect(200);
      return refreshDetailsSchema.parse(body).refresh.state;
    };
    const states = [await stateOf(operator), await stateOf(partner)];

    for (const action of ['pause', 'resume', 'cancel']) {
      await operator.post(`${path}/${action}`).expect(200);
      states.push(await stateOf(operator), await stateOf(partner));
    }

    const [waiting, paused, resumed, cancelled] = [0, 2, 4, 6].map((at) => new Set(states.slice(at, at + 2)));
    expect([waiting, paused, resumed]).toEqual([new Set(['queued']), new Set(['paused']), new Set(['queued'])]);
    expect([...cancelled!].every((state) => ['cancelling', 'cancelled'].includes(state))).toBe(true);
    await test.worker.runOnce();
  });

  it('an action is in the log of the overview as soon as it is done, also if others read the overview meanwhile', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const readTargets = async () => {
      const { body } = await operator.get('overview', { 'cache-control': 'max-age=2' }).expect(200);
      return (overviewSchema.parse(body) as OperatorOverview).actions.map(({ target }) => target);
    };
    const log = await holdRows(test, 'lock table nft_metadata.console_actions in exclusive mode', []);
    const pausing = operator.post(`refreshes/${refreshId}/pause`).then(({ status }) => status);
    await untilLockWaits(test.database, { kinds: ['relation'] });
    expect(await readTargets()).not.toContain(refreshId);

    await log.release();

    expect(await pausing).toBe(200);
    expect(await readTargets()).toContain(refreshId);
    await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
  });
});

it('while reads are busy, a download is refused with 503 and Retry-After, and an action that was done still says so [K41]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const others = Promise.withResolvers<void>();
  const reads = test.app.get(BoundedReads);
  const running = Array.from({ length: 4 }, () => reads.run(() => others.promise));

  const paused = operator
    .post(`refreshes/${refreshId}/pause`)
    .then(({ status, body }) => ({ status, ...(body as object) }));
  await vi.waitUntil(
    async () =>
      (
        await test.database.query('select from nft_metadata.refreshes where id = $1 and paused_at is not null', [
          refreshId,
        ])
      ).length > 0,
    { timeout: 10_000 },
  );
  // It waits for as long as reads that only look may wait.
  const download = await operator.get(`refreshes/${refreshId}/tokens.csv`);
  others.resolve();
  await Promise.all(running);

  expect(download.status).toBe(503);
  expect(download.headers).toMatchObject({
    'retry-after': '5',
    'content-type': expect.stringContaining('json') as string,
  });
  expect(download.body).toMatchObject({ code: 'busy', requestId: download.headers['x-request-id'] });
  expect(await paused).toMatchObject({ status: 200, refresh: { id: refreshId, state: 'paused' } });
  await operator.post(`refreshes/${refreshId}/cancel`).expect(200);
});

it('a download that has begun waits while reads are busy, and has all tokens [K41]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await refreshOnce(test, project, ['1']);
  await addFailedTokens(refreshId, 2500);
  const others = Promise.withResolvers<void>();
  const reads = test.app.get(BoundedReads);
  const download = await openDownload(`refreshes/${refreshId}/tokens.csv`);
  // More than the buffers of two sockets hold is unread, so the second page has not been asked for.
  const running = Array.from({ length: 4 }, () => reads.run(() => others.promise));

  const text = readToEnd(download);
  await operator.get(`refreshes/${refreshId}`).expect(503);
  others.resolve();
  await Promise.all(running);

  const ofTokens = (await text).match(/^\d+,/gm);
  expect(ofTokens).toEqual(['1', ...ids(2, 2501)].map((id) => `${id},`));
});

it('with mayAct: false, no action is offered, and each one is refused and logged [K22] [K23]', async () => {
  const readOnly = await startApp(
    {},
    {
      templateUrl: undefined,
      variables: { ...CONSOLE_VARIABLES, CONSOLE_MAY_ACT: 'false' },
    },
  );
  const project = await readOnly.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(readOnly.app, project, ['1']);
  const visitor = await new ConsoleVisitor(readOnly.app).asOperator();

  expect(await readDetails(visitor, refreshId)).toMatchObject({
    actions: { retry: null, cancel: false, pause: false, resume: false },
  });
  for (const action of ['retry', 'cancel', 'pause', 'resume'])
    await visitor.post(`refreshes/${refreshId}/${action}`).expect(403);
  await visitor.post(`refreshes/${refreshId}/retry`, { reasons: 'all' }).expect(403);
  const logged = await readOnly.database.query('select action, outcome from nft_metadata.console_actions order by id');
  await readOnly.stop();

  expect(logged).toEqual(
    ['retry', 'cancel', 'pause', 'resume', 'retry'].map((action) => {
      return { action: `refresh.${action}`, outcome: 'forbidden' };
    }),
  );
});

/** Reasons with the same count come in the order of their error codes. */
function order(reason: string): number {
  return ['status_500', 'invalid_json'].indexOf(reason);
}
