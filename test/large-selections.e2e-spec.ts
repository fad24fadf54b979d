import { readFileSync } from 'node:fs';
import { MetadataRefreshService } from '@app/metadata-refresh';
import { TokenStore } from '@app/token-store';
import { CrashTest, delay, rounds, waitUntil } from './support/crash-test.js';
import { acceptedId } from './support/selections.js';
import { startServiceProcess, type ServiceProcess } from './support/service-process.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements, explainReads } from './support/statements.js';
import { ids } from './support/token-ids.js';

// A short cut of `npm run bench -- --only large-selection`, which has a million tokens.
const TOKENS = 100_000;

/** With SQL: through the store it takes a minute. */
async function registerTokens(
  { database }: Pick<TestApp, 'database'>,
  { collectionId }: TestProject,
  tokens: number,
): Promise<void> {
  await database.query(
    'insert into nft_metadata.tokens (collection_id, token_id) select $1, generate_series(1, $2::int)',
    [collectionId, tokens],
  );
}

async function post(api: Pick<ServiceProcess, 'url'>, project: TestProject, body: object, headers: object = {}) {
  return fetch(`${api.url}/v1/metadata-refreshes`, {
    method: 'POST',
    headers: { 'x-api-key': project.apiKey, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ collection_address: project.collectionAddress, ...body }),
  });
}

/** Refreshes of a project with their tokens, as they are counted and as they are queued. */
async function savedRefreshes({ database }: Pick<TestApp, 'database'>, projectId: string) {
  return database.query<{ total: number; queued: number }>(
    `select total, (select coalesce(sum(token_count), 0)::int from nft_metadata.refresh_chunks where refresh_id = refresh.id) as queued
     from nft_metadata.refreshes as refresh where project_id = $1 order by id`,
    [projectId],
  );
}

describe('a refresh of 100,000 tokens', () => {
  let test: TestApp;
  let project: TestProject;
  beforeAll(async () => {
    test = await startApp();
    project = await test.aProject({ limits: { tokensPerHour: TOKENS * 10 } });
    await registerTokens(test, project, TOKENS);
  });
  afterAll(() => test.stop());

  it('a refresh of all tokens is accepted within three seconds, and none of its ids passes through the API process [T14]', async () => {
    const api = await startServiceProcess(test, 'api');
    await post(api, project, { tokens: [{ from: '1', to: '1000' }] });
    const peakBefore = peakMemoryMb(api);

    const startedAt = performance.now();
    const response = await post(api, project, { all: true });
    const seconds = (performance.now() - startedAt) / 1000;

    expect(response.status).toBe(202);
    expect(seconds).toBeLessThan(3);
    expect(peakMemoryMb(api) - peakBefore).toBeLessThan(10);
    expect((await savedRefreshes(test, project.id)).at(-1)).toEqual({ total: TOKENS, queued: TOKENS });
    await api.end('SIGTERM');
    await forgetRefreshes();
  });

  it('a refresh of all tokens reads only the index of the token ids when the table is vacuumed', async () => {
    await test.database.query('vacuum analyze nft_metadata.tokens');
    const service = test.app.get(MetadataRefreshService);
    const request = { collectionAddress: project.collectionAddress, selection: { all: true as const } };

    const statements = await captureStatements(() =>
      service.request({ id: project.id, tokensPerRequest: null, tokensPerHour: TOKENS * 10 }, request),
    );
    const insert = statements.filter(({ text }) => /insert into nft_metadata.refresh_chunks/.test(text));
    const refreshes = statements.filter(({ text }) => /insert into nft_metadata.refreshes/.test(text));

    expect(insert).toHaveLength(1);
    await test.database.query('delete from nft_metadata.refreshes where id = $1', [refreshes[0]!.values[0]]);
    const reads = await explainReads(test.database.url, [refreshes[0]!, ...insert]);
    expect(reads.filter(({ table }) => table === 'tokens')).toEqual([
      { table: 'tokens', node: 'Index Only Scan', index: 'tokens_collection_id_token_id_key', rows: TOKENS },
    ]);
    await forgetRefreshes();
  });

  it('a refresh of ten tokens of another project is completed while a refresh of all tokens has hardly begun [T14]', async () => {
    const other = await test.aProject({ tokens: ids(10) });
    const large = await acceptedId(test, project, { all: true });
    test.worker.start();
    await waitUntil(async () => (await progressOf(large)) > 0);

    const before = await progressOf(large);
    const small = await acceptedId(test, other, { all: true });
    await waitUntil(async () => (await progressOf(small)) === 10);
    const meanwhile = (await progressOf(large)) - before;

    await test.app
      .get(MetadataRefreshService)
      .cancelRefresh({ id: project.id, tokensPerRequest: null, tokensPerHour: null }, large);
    await test.worker.stop();
    expect(meanwhile).toBeLessThan(TOKENS / 20);
  });

  /** While no worker runs. */
  async function forgetRefreshes(): Promise<void> {
    await test.database.query('delete from nft_metadata.refreshes');
  }

  async function progressOf(refreshId: string): Promise<number> {
    const [row] = await test.database.query<{ done: number }>(
      'select succeeded + failed + cancelled as done from nft_metadata.refreshes where id = $1',
      [refreshId],
    );
    return row!.done;
  }
});

describe('an API process that is killed while it accepts a selection', () => {
  const SELECTED = 20_000;
  let test: CrashTest;
  let project: TestProject;
  beforeAll(async () => {
    test = await CrashTest.start();
    project = await test.app.aProject({ limits: { tokensPerHour: 10_000_000 } });
    await registerTokens(test, project, SELECTED);
  });
  afterAll(() => test.stop());

  const keys = () =>
    test.database.query('select from nft_metadata.idempotency_keys where project_id = $1', [project.id]);
  const used = async () => {
    const [row] = await test.database.query<{ used: number }>(
      'select used from nft_metadata.refresh_quotas where project_id = $1',
      [project.id],
    );
    return row!.used;
  };

  it('an API process that is killed before it commits a selection leaves nothing of it, and the request can be sent again [T15]', async () => {
    const [api, next] = await Promise.all([test.startProcess('api'), test.startProcess('api')]);
    await post(api, project, { token_ids: ['1'] });
    const before = await savedRefreshes(test, project.id);
    // The quota is the last thing that the transaction writes.
    const quota = await test.holdLock('select from nft_metadata.refresh_quotas where project_id = $1 for update', [
      project.id,
    ]);
    const request = post(api, project, { all: true }, { 'idempotency-key': 'killed' }).catch(() => null);
    await quota.reached();

    await api.end('SIGKILL');
    await request;
    await quota.release();

    expect(await savedRefreshes(test, project.id)).toEqual(before);
    expect([await used(), await keys()]).toEqual([1, []]);
    const again = await post(next, project, { all: true }, { 'idempotency-key': 'killed' });
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotent-replayed')).toBeNull();
    expect(await savedRefreshes(test, project.id)).toEqual([...before, { total: SELECTED, queued: SELECTED }]);
    expect(await used()).toBe(1 + SELECTED);
  });

  it.each(rounds(3))(
    'an API process that is killed at a random moment has accepted all of a selection or nothing: round %i [T15]',
    async (round) => {
      const api = await test.startProcess('api');
      const key = `round-${round}`;
      const [before, usedBefore] = [await savedRefreshes(test, project.id), await used()];
      const request = post(api, project, { all: true }, { 'idempotency-key': key }).catch(() => null);
      await delay(Math.random() * 300);
      await api.end('SIGKILL');
      await request;

      const next = await test.startProcess('api');
      const again = await post(next, project, { all: true }, { 'idempotency-key': key });

      expect(again.status).toBe(202);
      expect(await savedRefreshes(test, project.id)).toEqual([...before, { total: SELECTED, queued: SELECTED }]);
      expect(await used()).toBe(usedBefore + SELECTED);
      await next.end('SIGTERM');
    },
  );

  it('a selection of removed and added tokens has the tokens of one moment, and its count is that of its chunks', async () => {
    const store = test.app.app.get(TokenStore);
    const service = test.app.app.get(MetadataRefreshService);
    const refreshing = { id: project.id, tokensPerRequest: null, tokensPerHour: 10_000_000 };

    const [, , ...receipts] = await Promise.all([
      store.removeTokens(project.collectionId, ids(3000, 5000)),
      store.registerTokens(project.collectionId, ids(3000, 30_001)),
      ...Array.from({ length: 3 }, () =>
        service.request(refreshing, { collectionAddress: project.collectionAddress, selection: { all: true } }),
      ),
    ]);

    for (const { refreshId } of receipts as { refreshId: string }[]) {
      const [row] = await test.database.query<{ total: number; queued: number; different: number }>(
        `select total, sum(cardinality(token_ids))::int as queued,
           (select count(distinct token_id)::int from nft_metadata.refresh_chunks as one cross join lateral unnest(token_ids) as token_id
            where one.refresh_id = refresh.id) as different
         from nft_metadata.refreshes as refresh join nft_metadata.refresh_chunks as chunk on chunk.refresh_id = refresh.id
         where refresh.id = $1 group by refresh.id`,
        [refreshId],
      );
      expect(row).toEqual({ total: row!.total, queued: row!.total, different: row!.total });
      expect(row!.total).toBeGreaterThanOrEqual(SELECTED - 3000);
    }
  });
});

/** The largest resident set of the process so far. */
function peakMemoryMb({ process: { pid } }: ServiceProcess): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kilobytes) / 1024;
}
