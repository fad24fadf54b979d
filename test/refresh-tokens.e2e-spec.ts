import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MetadataHost } from '@app/testing';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { parse } from './support/csv.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { aStudio, startHostApp } from './support/host-app.js';
import { http, readErrors, readRefresh, requestRefresh, signedHeaders } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainLargestStep, explainReads } from './support/statements.js';

let test: TestApp;
let origin: string;
beforeAll(async () => {
  test = await startApp();
  await test.app.listen(0, '127.0.0.1');
  origin = `http://127.0.0.1:${(test.app.getHttpServer() as { address(): AddressInfo }).address().port}`;
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.forgetScripts());

interface Row {
  token_id: string;
  verdict: string;
  attempts: number;
  finished_at: string | null;
  metadata_version: number | null;
  changed_fields: string[] | null;
  traits_added: { trait_type: string; value: string }[] | null;
  traits_removed: { trait_type: string; value: string }[] | null;
  reason: string | null;
  next_attempt_at: string | null;
}
interface Page {
  result: Row[];
  cursor: string;
  remaining: number;
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));
const idsOf = (rows: readonly Row[]) => rows.map(({ token_id }) => token_id);
const pathOf = (refreshId: string) => `/v1/metadata-refreshes/${refreshId}/tokens`;

async function readPage(project: TestProject, refreshId: string, query = ''): Promise<Page> {
  const { body } = await http(test.app)
    .get(`${pathOf(refreshId)}${query}`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  return body as Page;
}

/** All pages; `between` runs after each. */
async function readAll(
  project: TestProject,
  refreshId: string,
  {
    query = '',
    pageSize = 200,
    between = async () => {},
  }: { query?: string; pageSize?: number; between?: (page: number) => Promise<unknown> } = {},
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor = '', number = 1; ; number += 1) {
    const page = await readPage(project, refreshId, `?page_size=${pageSize}&cursor=${cursor}${query}`);
    rows.push(...page.result);
    if (page.remaining === 0) return rows;
    ({ cursor } = page);
    await between(number);
  }
}

const postpone = (refreshId: string) =>
  test.database.query(
    `update nft_metadata.refresh_chunks set due_at = now() + interval '1 hour' where refresh_id = $1`,
    [refreshId],
  );
const makeDue = (refreshId: string) =>
  test.database.query('update nft_metadata.refresh_chunks set due_at = now() where refresh_id = $1', [refreshId]);

describe('the tokens of a refresh', () => {
  it('a refresh of a new, an unchanged, a changed and a missing document says so of each token, and what changed [T1]', async () => {
    const project = await test.aProject({ tokens: ids(4) });
    const cat = (level: number) => ({
      name: `Cat ${level}`,
      image: 'https://cats.example/3.png',
      attributes: [
        { trait_type: 'Level', value: level },
        { trait_type: 'Fur', value: 'Red' },
      ],
    });
    test.metadataApi.respond('2', 200, { name: 'Two' }).respond('3', 200, cat(1)).respond('4', 200, { name: 'Four' });
    await requestRefresh(test.app, project, ['2', '3', '4']);
    await test.worker.runOnce();
    test.metadataApi.respond('1', 200, { name: 'One' }).respond('3', 200, cat(2)).respond('4', 404, 'gone');

    const refreshId = await requestRefresh(test.app, project, ids(4));
    await test.worker.runOnce();

    expect(await readRefresh(test.app, project, refreshId)).toMatchObject({
      verdicts: { updated: 2, unchanged: 1, failed: 1 },
    });
    const none = { changed_fields: null, traits_added: null, traits_removed: null, has_all_traits: null };
    const succeeded = { attempts: 1, error_code: null, reason: null, status_code: null, next_attempt_at: null };
    const page = await readPage(project, refreshId);
    expect(page).toMatchObject({ remaining: 0 });
    expect(page.result).toEqual([
      {
        token_id: '1',
        verdict: 'updated',
        finished_at: expect.stringMatching(/\.\d{6}Z$/) as string,
        metadata_version: 1,
        changed_fields: ['name'],
        traits_added: [],
        traits_removed: [],
        has_all_traits: true,
        metadata_url: null,
        ...succeeded,
      },
      expect.objectContaining({ token_id: '2', verdict: 'unchanged', metadata_version: 1, ...none, ...succeeded }),
      expect.objectContaining({
        token_id: '3',
        verdict: 'updated',
        metadata_version: 2,
        changed_fields: ['name', 'attributes'],
        traits_added: [{ trait_type: 'Level', value: '2' }],
        traits_removed: [{ trait_type: 'Level', value: '1' }],
        has_all_traits: true,
        ...succeeded,
      }),
      expect.objectContaining({
        token_id: '4',
        verdict: 'failed',
        attempts: 1,
        metadata_version: null,
        error_code: 'invalid_response_status_code',
        reason: 'status_404',
        status_code: 404,
        metadata_url: `${test.metadataApi.url}/${project.collectionAddress}/4`,
        ...none,
      }),
    ]);
  });

  it('a token that other refreshes fetch while a refresh waits has in each receipt what the fetch that settled it did [T2]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, { name: 'First' });
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const waiting = await requestRefresh(test.app, project, ['1']);
    await postpone(waiting);

    test.metadataApi.respond('1', 200, { name: 'Second' });
    const second = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    test.metadataApi.respond('1', 200, { name: 'Second', description: 'Now with text' });
    const third = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const fourth = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();
    const hits = test.metadataApi.hits.get('1');
    await makeDue(waiting);
    await test.worker.runOnce();

    const receipts = await Promise.all([second, third, fourth, waiting].map((id) => readAll(project, id)));
    expect(receipts.flat()).toMatchObject([
      { verdict: 'updated', metadata_version: 2, changed_fields: ['name'], attempts: 1 },
      { verdict: 'updated', metadata_version: 3, changed_fields: ['description'], attempts: 1 },
      { verdict: 'unchanged', metadata_version: 3, changed_fields: null, attempts: 1 },
      // Settled without a fetch of its own: the record has changed since it was accepted.
      { verdict: 'updated', metadata_version: 3, changed_fields: ['description'], attempts: 0 },
    ]);
    expect(test.metadataApi.hits.get('1')).toBe(hits);
  });

  it('a token whose host responds with 304 is unchanged [T3]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script(
      '1',
      { status: 200, body: { name: 'One' }, headers: { etag: '"one"' } },
      { status: 304, body: '' },
    );
    await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    const refreshId = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    expect(test.metadataApi.lastHeaders['if-none-match']).toBe('"one"');
    expect((await readPage(project, refreshId)).result).toMatchObject([
      { verdict: 'unchanged', attempts: 1, metadata_version: 1, changed_fields: null, reason: null },
    ]);
  });

  it('a token that waits for another try says how often it was tried, and when it is tried again', async () => {
    const project = await test.aProject({ tokens: ids(3) });
    test.metadataApi.respond('2', 503);
    const refreshId = await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();

    expect(await readAll(project, refreshId)).toMatchObject([
      { token_id: '1', verdict: 'updated', next_attempt_at: null },
      {
        token_id: '2',
        verdict: 'pending',
        attempts: 1,
        finished_at: null,
        reason: null,
        next_attempt_at: expect.stringMatching(/^20.*\.\d{6}Z$/) as string,
      },
      { token_id: '3', verdict: 'updated', next_attempt_at: null },
    ]);
  });

  it('the pages of all tokens have each token once while the refresh runs', async () => {
    const project = await test.aProject({ tokens: ids(600) });
    const refreshId = await requestRefresh(test.app, project, ids(600));
    await postpone(refreshId);

    const rows = await readAll(project, refreshId, { pageSize: 50, between: () => finishChunks(refreshId, 1) });

    expect(idsOf(rows)).toEqual(ids(600));
    expect(new Set(rows.map(({ verdict }) => verdict))).toEqual(new Set(['updated', 'pending']));
  });

  it('the pages of one verdict have no token twice and skip none that had it before, while the refresh runs [T4]', async () => {
    const project = await test.aProject({ tokens: ids(600) });
    for (const tokenId of ids(600)) if (Number(tokenId) % 3 === 0) test.metadataApi.respond(tokenId, 404);

    for (const verdict of ['updated', 'failed', 'pending']) {
      const refreshId = await requestRefresh(test.app, project, ids(600));
      await test.database.query('update nft_metadata.tokens set content_hash = null');
      await postpone(refreshId);
      await finishChunks(refreshId, 2);
      const query = `&verdict=${verdict}`;
      const before = idsOf(await readAll(project, refreshId, { query }));
      const met = idsOf(
        await readAll(project, refreshId, {
          query,
          pageSize: 40,
          between: (page) => finishChunks(refreshId, page <= 2 ? 1 : 0),
        }),
      );

      expect(before.length).toBeGreaterThan(80);
      expect(new Set(met).size).toBe(met.length);
      expect(met.toSorted((one, other) => Number(one) - Number(other))).toEqual(met);
      // Pending tokens are processed meanwhile.
      if (verdict === 'pending') expect(met.length).toBeLessThan(before.length);
      else expect(before.filter((tokenId) => !met.includes(tokenId))).toEqual([]);
      await makeDue(refreshId);
      await test.worker.runOnce();
    }
  });

  it('pages have all tokens in the order of their ids, however a refresh is divided between results and chunks', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await postpone(refreshId);
    // Chunks are parts of what were chunks of 128 tokens: of every size, and in any order.
    await test.database.query(
      `with token as (
         select number, (number - 1) / 128 as original, (random() * 9)::int as part from generate_series(1, 1000) as number
       ), results as (
         insert into nft_metadata.refresh_results (refresh_id, finished_at, attempts, verdict, token_id)
         select $1, now(), 1, 'u', number from token where part < 3
       ), lane as (
         delete from nft_metadata.refresh_chunks where refresh_id = $1 returning lane_id
       )
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select $1, lane_id, 2, now() + interval '1 hour', array_agg(number::numeric order by number)
       from token cross join lane where part >= 3 group by original, part, lane_id order by random()`,
      [refreshId],
    );

    for (const pageSize of [7, 130, 200]) {
      expect(idsOf(await readAll(project, refreshId, { pageSize }))).toEqual(ids(1000));
    }
    const pending = await readAll(project, refreshId, { pageSize: 9, query: '&verdict=pending' });
    const updated = await readAll(project, refreshId, { pageSize: 9, query: '&verdict=updated' });
    expect([...pending, ...updated].map(({ token_id }) => Number(token_id)).toSorted((a, b) => a - b)).toEqual(
      ids(1000).map(Number),
    );
    for (const tokenId of ['1', '128', '129', '500', '1000']) {
      expect((await readPage(project, refreshId, `?token_id=${tokenId}`)).result).toMatchObject([
        { token_id: tokenId },
      ]);
    }
    await test.database.query('delete from nft_metadata.refresh_chunks where refresh_id = $1', [refreshId]);
  });

  it('the tokens of a refresh are filtered by verdict, error code, reason and token id, also together', async () => {
    const project = await test.aProject({ tokens: ids(8) });
    test.metadataApi.respond('2', 404).respond('3', 500).respond('5', 404).respond('6', 200, '<html>');
    test.metadataApi.respond('7', 503);
    const refreshId = await requestRefresh(test.app, project, [...ids(8), '99']);
    await test.worker.runOnce();
    const found = async (query: string) => idsOf((await readPage(project, refreshId, `?${query}`)).result);

    expect(await found('verdict=updated')).toEqual(['1', '4', '8']);
    expect(await found('verdict=failed')).toEqual(['2', '3', '5', '6', '99']);
    expect(await found('verdict=pending')).toEqual(['7']);
    expect(await found('verdict=cancelled')).toEqual([]);
    expect(await found('verdict=')).toHaveLength(9);
    expect(await found('reason=status_404')).toEqual(['2', '5']);
    expect(await found('error_code=invalid_response_status_code')).toEqual(['2', '3', '5']);
    expect(await found('error_code=token_not_found')).toEqual(['99']);
    expect(await found('verdict=failed&reason=not_json')).toEqual(['6']);
    expect(await found('error_code=unable_to_decode_response&reason=status_404')).toEqual([]);
    expect(await found('verdict=updated&reason=status_404')).toEqual([]);
    expect(await found('token_id=5')).toEqual(['5']);
    expect(await found('token_id=7')).toEqual(['7']);
    expect(await found('token_id=1&verdict=failed')).toEqual([]);
    expect(await found('token_id=12345')).toEqual([]);
    const second = await readPage(project, refreshId, '?reason=status_404&page_size=1');
    expect(second).toMatchObject({ result: [{ token_id: '2' }], remaining: 1 });
    expect(await found(`reason=status_404&cursor=${second.cursor}`)).toEqual(['5']);
  });

  it.each([
    ['verdict=done', 'verdict must be one of updated, unchanged, superseded, held, staged, failed, cancelled, pending'],
    ['error_code=404', 'error_code must be one of unable_to_retrieve_metadata, '],
    ['reason=tiemout', 'reason must be a reason of a failure, such as timeout or status_404'],
    ['token_id=0x1', 'token_id must be a decimal uint256'],
    ['page_size=201', 'page_size must be a whole number from 1 to 200'],
    ['cursor=x', 'cursor must be the cursor of an earlier page, unchanged'],
    ['verdicts=failed', 'verdicts is not a parameter here; did you mean verdict?'],
  ])('the parameter %s of the tokens of a refresh is refused, with its rule', async (query, message) => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);

    const { body } = await http(test.app)
      .get(`${pathOf(refreshId)}?${query}`)
      .set('x-api-key', project.apiKey)
      .expect(400);

    expect(body).toEqual({ code: 'input_validation_failed', message: expect.stringContaining(message) as string });
  });

  it('the tokens of a refresh are readable with a signature and an API key, and by no other project', async () => {
    const [project, other] = [await test.aProject({ tokens: ['1'] }), await test.aProject()];
    const refreshId = await requestRefresh(test.app, project, ['1']);

    for (const path of [pathOf(refreshId), `${pathOf(refreshId)}.csv`, `${pathOf(refreshId)}.ndjson`]) {
      await http(test.app).get(path).expect(401);
      await http(test.app)
        .get(path)
        .set(await signedHeaders(project))
        .expect(200);
      const { body } = await http(test.app).get(path).set('x-api-key', other.apiKey).expect(404);
      expect(body).toMatchObject({ code: 'refresh_not_found' });
      const refused = await http(test.app).delete(path).set('x-api-key', project.apiKey).expect(405);
      expect(refused.headers['allow']).toBe('GET');
    }
  });
});

describe('large refreshes', () => {
  it('a page with a filter that few tokens match reads 20,000 rows at most, and says where to continue', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await aFinishedRefresh(project, 150_000);
    await test.database.query(
      `update nft_metadata.refresh_results set verdict = 'u' where refresh_id = $1 and token_id in (45000, 45001)`,
      [refreshId],
    );

    const pages: Page[] = [];
    const statements = await captureStatements(async () => {
      for (let cursor = '', remaining = 1; remaining === 1;) {
        const page = await readPage(project, refreshId, `?verdict=updated&cursor=${cursor}`);
        pages.push(page);
        ({ cursor, remaining } = page);
      }
    });

    expect(pages.map(({ result, remaining }) => [idsOf(result), remaining])).toEqual([
      [[], 1],
      [[], 1],
      [['45000', '45001'], 1],
      ...Array.from({ length: 4 }, () => [[], 1]),
      [[], 0],
    ]);
    const reads = await explainReads(test.database.url, statements.filter(isTokenPageOrSetting));
    expect(Math.max(...reads.map(({ rows }) => rows))).toBeLessThanOrEqual(20_000);
  });

  it('a page of the tokens of a large refresh reads a few hundred rows from indexes, with each filter', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    // Autovacuum has analysed the tables while they were smaller.
    await test.database.query(
      'analyze nft_metadata.refresh_results, nft_metadata.refresh_errors, nft_metadata.refresh_chunks',
    );
    const refreshId = await aLargeRefresh(project, 60_000);
    const { cursor } = await readPage(project, refreshId, '?token_id=30000');

    for (const query of [
      '',
      '&verdict=updated',
      '&verdict=failed',
      '&verdict=pending',
      '&reason=status_404',
      '&token_id=40000',
    ]) {
      const statements = await captureStatements(() =>
        readPage(project, refreshId, `?page_size=200&cursor=${cursor}${query}`),
      );
      expect(statements.filter(isTokenPage)).toHaveLength(1);
      const reads = await explainReads(test.database.url, statements.filter(isTokenPageOrSetting));

      expect(reads.filter(({ node, index }) => node === 'Seq Scan' || index === undefined)).toEqual([]);
      // In turns: for 200 updated tokens, 600 results are read.
      expect(Math.max(...reads.map(({ rows }) => rows))).toBeLessThanOrEqual(1000);
    }
    await test.database.query('delete from nft_metadata.refresh_chunks where refresh_id = $1', [refreshId]);
  });
});

it('a page of failed tokens reads the error of each by its key, when statistics are of other refreshes', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  // Autovacuum has analysed the tables while each refresh had one failure.
  await test.database.query(
    `insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
     select gen_random_uuid(), 1, '', 'unable_to_retrieve_metadata', 'timeout', now() from generate_series(1, 100000)`,
  );
  await test.database.query('analyze nft_metadata.refresh_results, nft_metadata.refresh_errors');
  const refreshId = await aFinishedRefresh(project, 20_000, 'f');

  for (const query of ['', '&verdict=failed', '&reason=timeout']) {
    const statements = await captureStatements(() => readPage(project, refreshId, `?page_size=200${query}`));

    expect(await explainLargestStep(test.database.url, statements.filter(isTokenPageOrSetting))).toBeLessThan(500);
  }
});

it('a page of errors reads no more than its size, when statistics are of another refresh', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.query('delete from nft_metadata.refresh_errors');
  await aFinishedRefresh(project, 1000, 'f');
  await test.database.query('analyze nft_metadata.refresh_errors');
  const refreshId = await aFinishedRefresh(project, 20_000, 'f');

  const statements = await captureStatements(() => readErrors(test.app, project, refreshId));
  const ofErrors = statements.filter(({ text }) => /set_config|refresh_errors/.test(text));

  expect(await explainLargestStep(test.database.url, ofErrors)).toBeLessThan(500);
});

describe('CSV and NDJSON', () => {
  it('30,000 tokens are one CSV file, which is read from the database only as fast as its client takes it [T5]', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    // 2 KB a token: 60 MB are more than sockets buffer.
    const [slow, other] = [
      await aFinishedRefresh(project, 30_000, 'f', 2000),
      await aFinishedRefresh(project, 30_000, 'f', 2000),
    ];
    let response: IncomingMessage | undefined;
    let text = '';

    const statements = await captureStatements(async () => {
      response = await open(`${pathOf(slow)}.csv`, project);
      response.pause();
      text = await readText(await open(`${pathOf(other)}.csv`, project));
    });

    const pagesOf = (refreshId: string) =>
      statements.filter((one) => isTokenPage(one) && one.values.includes(refreshId));
    expect(pagesOf(other)).toHaveLength(30);
    expect(pagesOf(slow).length).toBeLessThan(12);
    const [header, ...rows] = parse(text);
    expect(header?.slice(0, 3)).toEqual(['token_id', 'verdict', 'attempts']);
    expect(rows.map(([tokenId]) => tokenId)).toEqual(ids(30_000));
    // The slow client gets all of it, when it reads.
    expect(parse(await readText(response!)).length).toBe(30_001);
  });

  it('by Accept, all tokens of a refresh come as CSV or NDJSON, with the same rows as the pages of JSON', async () => {
    const project = await test.aProject({ tokens: ids(250) });
    test.metadataApi.respond('3', 404);
    test.metadataApi.respond('4', 200, {
      name: '=HYPERLINK("http://evil.example")',
      attributes: [
        { trait_type: '=cmd|calc', value: 'a "quoted", value' },
        { trait_type: 'Größe', value: 'groß' },
      ],
    });
    const refreshId = await requestRefresh(test.app, project, ids(250));
    await test.worker.runOnce();
    const rows = await readAll(project, refreshId);
    const read = (accept: string, path = '') =>
      http(test.app)
        .get(`${pathOf(refreshId)}${path}`)
        .set({ 'x-api-key': project.apiKey, accept })
        .buffer(true)
        .parse(
          (response, done) => void readText(response as unknown as IncomingMessage).then((text) => done(null, text)),
        )
        .expect(200);

    const ndjson = await read('application/x-ndjson');
    const csv = await read('text/csv, application/json;q=0.5');

    expect(ndjson.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      vary: expect.stringMatching(/Accept/) as string,
      'content-disposition': `attachment; filename="refresh-${refreshId}.ndjson"`,
    });
    expect(
      String(ndjson.body)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Row),
    ).toEqual(rows);
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(String(csv.body)).toMatch(/^\uFEFFtoken_id,verdict,/);
    const [header, ...cells] = parse(String(csv.body));
    expect(cells).toHaveLength(250);
    const column = (name: string, row: number) => cells[row]![header!.indexOf(name)];
    expect([column('token_id', 2), column('verdict', 2), column('status_code', 2)]).toEqual(['3', 'failed', '404']);
    expect(column('changed_fields', 3)).toBe('name; attributes');
    expect(column('traits_added', 3)).toBe(`'=cmd|calc: a "quoted", value; Größe: groß`);
    expect(String((await read('application/json', '.csv')).body)).toBe(String(csv.body));
    expect(String((await read('text/html', '.ndjson')).body)).toBe(String(ndjson.body));
    const failed = await read('text/csv', '?verdict=failed&page_size=1');
    expect(parse(String(failed.body)).map(([tokenId]) => tokenId)).toEqual(['token_id', '3']);
  });

  it('a client that accepts none of the types gets 406, with the types that there are', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    const read = (accept: string) => http(test.app).get(pathOf(refreshId)).set({ 'x-api-key': project.apiKey, accept });

    expect((await read('text/html').expect(406)).body).toEqual({
      code: 'not_acceptable',
      message:
        'This route responds with application/json, text/csv, application/x-ndjson; "Accept: text/html" allows none.',
    });
    expect((await read('text/html, */*;q=0.1').expect(200)).body).toMatchObject({ result: [{ token_id: '1' }] });
  });

  it('a CSV file whose database fails in the middle does not look complete to its client', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await aFinishedRefresh(project, 30_000, 'f', 2000);
    const response = await open(`${pathOf(refreshId)}.csv`, project);
    await new Promise((done) => response.once('readable', done));

    await test.database.query('alter table nft_metadata.refresh_results rename to results_gone');
    const ended = readText(response);

    await expect(ended).rejects.toThrow();
    await test.database.query('alter table nft_metadata.results_gone rename to refresh_results');
  });
});

describe('in a host application on Fastify', () => {
  it('a Fastify application pages the tokens of a refresh, and streams them as CSV and NDJSON', async () => {
    const database: TestDatabase = await createDatabase();
    const metadataApi = await MetadataHost.start();
    const app = await startHostApp(database, metadataApi, {
      adapter: new FastifyAdapter(),
      nftRefresh: { runMode: 'api' },
    });
    try {
      const studio = await aStudio(app, metadataApi);
      const { body } = await http(app)
        .post('/v1/metadata-refreshes')
        .set('x-api-key', studio.apiKey)
        .send({ collection_address: studio.address, token_ids: ['1', '2'] })
        .expect(202);
      const path = pathOf((body as { refresh_id: string }).refresh_id);
      const read = (suffix: string, accept: string) =>
        http(app).get(`${path}${suffix}`).set({ 'x-api-key': studio.apiKey, accept });

      const json = await read('', 'application/json').expect(200);
      const csv = await read('', 'text/csv').expect(200);
      const ndjson = await read('.ndjson', '*/*').buffer(true).expect(200);

      expect(json.body).toMatchObject({
        result: [
          { token_id: '1', verdict: 'pending' },
          { token_id: '2', verdict: 'failed', reason: 'not_registered' },
        ],
        remaining: 0,
      });
      expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
      expect(parse(csv.text).map(([tokenId, verdict]) => [tokenId, verdict])).toEqual([
        ['token_id', 'verdict'],
        ['1', 'pending'],
        ['2', 'failed'],
      ]);
      expect(ndjson.headers['content-type']).toMatch(/^application\/x-ndjson/);
      expect((await read('', 'image/png').expect(406)).body).toMatchObject({ code: 'not_acceptable' });
      expect((await read('?verdict=x', '*/*').expect(400)).body).toMatchObject({ code: 'input_validation_failed' });
      expect((await read('/1', '*/*').expect(404)).body).toMatchObject({ code: 'not_found' });
    } finally {
      await app.close();
      await metadataApi.close();
      await database.drop();
    }
  });
});

/** Lets the worker process this many of the chunks of a refresh that are postponed. */
async function finishChunks(refreshId: string, count: number): Promise<void> {
  await test.database.query(
    `update nft_metadata.refresh_chunks set due_at = now() where id in (
       select id from nft_metadata.refresh_chunks where refresh_id = $1 order by id limit $2
     )`,
    [refreshId, count],
  );
  await test.worker.runOnce();
}

/** A completed refresh, as workers would have left it, with URLs of this length. */
async function aFinishedRefresh(project: TestProject, tokens: number, verdict = 'n', urlLength = 20): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, ['1']);
  const succeeded = verdict === 'f' ? 0 : tokens;
  await test.database.query(
    `with chunks as (
       delete from nft_metadata.refresh_chunks where refresh_id = $1
     ), results as (
       insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
       select $1, now(), 1, 1, $3::text::"char", number from generate_series(1, $2::int) as number
     ), errors as (
       insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
       select $1, number, repeat('x', $4), 'unable_to_retrieve_metadata', 'timeout', now()
       from generate_series(1, $2::int) as number where $3 = 'f'
     )
     update nft_metadata.refreshes
     set total = $2, succeeded = $5, failed = $2 - $5, unchanged = $5, completed_at = now() where id = $1`,
    [refreshId, tokens, verdict, urlLength, succeeded],
  );
  return refreshId;
}

/** A running refresh: of six tokens, two are updated, one is unchanged, one has failed, and two are pending. */
async function aLargeRefresh(project: TestProject, tokens: number): Promise<string> {
  const refreshId = await requestRefresh(test.app, project, ['1']);
  await test.database.query(
    `with token as (
       select number, (array['p', 'u', 'n', 'f', 'p', 'u'])[1 + number % 6] as verdict from generate_series(1, $2::int) as number
     ), results as (
       insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
       select $1, now(), 1, 1, verdict::"char", number from token where verdict <> 'p'
     ), errors as (
       insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
       select $1, number, 'https://api.example', 'invalid_response_status_code', 'status_404', now()
       from token where verdict = 'f'
     ), lane as (
       delete from nft_metadata.refresh_chunks where refresh_id = $1 returning lane_id
     ), chunks as (
       insert into nft_metadata.refresh_chunks (refresh_id, lane_id, priority, due_at, token_ids)
       select $1, lane_id, 2, now() + interval '1 hour', array_agg(number::numeric order by number)
       from token cross join lane where verdict = 'p' group by number / 128, lane_id
     )
     update nft_metadata.refreshes
     set total = $2, succeeded = $2 / 2, unchanged = $2 / 6, failed = $2 / 6 where id = $1`,
    [refreshId, tokens],
  );
  return refreshId;
}

function isTokenPage({ text }: { text: string }): boolean {
  return text.includes('scannedTo');
}

/** The reader sets the planner's options in the transaction of its statement. */
function isTokenPageOrSetting(statement: { text: string }): boolean {
  return isTokenPage(statement) || statement.text.includes('set_config');
}

async function open(path: string, { apiKey }: TestProject): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    get(`${origin}${path}`, { headers: { 'x-api-key': apiKey } }, done).once('error', fail);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part as string;
  return text;
}
