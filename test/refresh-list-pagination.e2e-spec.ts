import { http, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.stop());
afterEach(() => test.database.unfreezeTime());

interface Page<Row> {
  result: Row[];
  cursor: string;
  remaining: number;
}

/** All pages of a list, as a client walks them; `between` runs after each page. */
async function walk<Row>(
  project: TestProject,
  path: string,
  between: (page: number) => Promise<unknown> = async () => {},
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor = '';
  for (let page = 1; ; page += 1) {
    const { body } = await http(test.app)
      .get(`${path}?page_size=7&cursor=${cursor}`)
      .set('x-api-key', project.apiKey)
      .expect(200);
    const { result, cursor: next, remaining } = body as Page<Row>;
    rows.push(...result);
    if (remaining === 0) return rows;
    cursor = next;
    await between(page);
  }
}

it('paging through the refreshes returns each that existed at its start once, while others arrive at the same instant', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.freezeTime(); // all have one timestamp, to the microsecond: only the id tells them apart
  const there = await Promise.all(Array.from({ length: 40 }, () => requestRefresh(test.app, project, ['1'])));

  const rows = await walk<{ refresh_id: string; started_at: string }>(project, '/v1/metadata-refreshes', () =>
    Promise.all([requestRefresh(test.app, project, ['1']), requestRefresh(test.app, project, ['1'])]),
  );

  const met = rows.map(({ refresh_id }) => refresh_id);
  expect(new Set(rows.map(({ started_at }) => started_at)).size).toBe(1);
  expect(new Set(met).size).toBe(met.length);
  expect(there.filter((id) => !met.includes(id))).toEqual([]);
});

it('paging through the refreshes returns none that is newer than its first page', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const there: string[] = [];
  for (let count = 0; count < 20; count += 1) there.unshift(await requestRefresh(test.app, project, ['1']));

  const rows = await walk<{ refresh_id: string }>(project, '/v1/metadata-refreshes', () =>
    requestRefresh(test.app, project, ['1']),
  );

  expect(rows.map(({ refresh_id }) => refresh_id)).toEqual(there);
});

it('paging through the errors returns each failed token once, while others fail', async () => {
  const tokens = Array.from({ length: 60 }, (_, index) => String(index + 1));
  const project = await test.aProject({ tokens: tokens.slice(0, 30) });
  const refreshId = await requestRefresh(test.app, project, tokens); // 31 to 60 fail at once, as not registered
  for (const tokenId of tokens.slice(0, 30)) test.metadataApi.respond(tokenId, 404);

  const rows = await walk<{ token_id: string }>(project, `/v1/metadata-refreshes/${refreshId}/errors`, async (page) => {
    if (page === 2) await test.worker.runOnce();
  });

  const met = rows.map(({ token_id }) => token_id);
  expect(new Set(met).size).toBe(met.length);
  expect(tokens.slice(30).filter((id) => !met.includes(id))).toEqual([]);
});

it('a cursor is base64url of the last row: its time with microseconds, and its id', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const refreshId = await requestRefresh(test.app, project, ['1']);

  const { body } = await http(test.app).get('/v1/metadata-refreshes').set('x-api-key', project.apiKey).expect(200);

  const { cursor, result, remaining } = body as Page<{ started_at: string }>;
  expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(JSON.parse(Buffer.from(cursor, 'base64url').toString())).toEqual({
    created_at: result[0]!.started_at,
    id: refreshId,
  });
  expect(remaining).toBe(0);
});

it('a page has 100 rows when no size is given, and up to 200', async () => {
  const tokens = Array.from({ length: 201 }, (_, index) => String(index + 1));
  const project = await test.aProject();
  const refreshId = await requestRefresh(test.app, project, tokens);
  const errors = async (query: string) =>
    (
      await http(test.app)
        .get(`/v1/metadata-refreshes/${refreshId}/errors${query}`)
        .set('x-api-key', project.apiKey)
        .expect(200)
    ).body as Page<unknown>;

  expect((await errors('')).result).toHaveLength(100);
  expect((await errors('?page_size=')).result).toHaveLength(100);
  expect((await errors('?page_size=200')).result).toHaveLength(200);
  expect((await errors('?page_size=1')).result).toHaveLength(1);
});
