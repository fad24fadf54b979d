import { RefreshRetention } from '@app/metadata-refresh';
import { VersionStore } from '@app/token-store';
import { Client } from 'pg';
import { http, requestRefresh } from './support/project-api.js';
import { refreshOnce } from './support/refresh-steps.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { ids } from './support/token-ids.js';

const DAY = 86_400;

let test: TestApp;
let retention: RefreshRetention;
beforeAll(async () => {
  test = await startApp({}, { variables: { KEEP_VERSIONS: '3' } });
  retention = test.app.get(RefreshRetention);
});
afterAll(() => test.stop());

/** Refreshes a token once for each of these names. Returns the ids of the refreshes. */
async function rename(project: TestProject, ...names: readonly string[]): Promise<string[]> {
  const refreshes: string[] = [];
  for (const name of names) {
    test.metadataApi.respond('1', 200, { name });
    refreshes.push(await refreshOnce(test, project, ['1']));
  }
  return refreshes;
}

async function historyOf({ collectionAddress }: TestProject) {
  const { body } = await http(test.app).get(`/v1/collections/${collectionAddress}/tokens/1/versions`).expect(200);
  return (body as { result: { version: number; has_document: boolean }[] }).result.map(
    ({ version, has_document }) => `${version}${has_document ? '' : ' without its document'}`,
  );
}

async function changeIn(project: TestProject, refreshId: string): Promise<unknown> {
  const { body } = await http(test.app)
    .get(`/v1/metadata-refreshes/${refreshId}/tokens`)
    .set('x-api-key', project.apiKey)
    .expect(200);
  const [row] = (body as { result: { metadata_version: number; changed_fields: string[] | null }[] }).result;
  return { version: row!.metadata_version, fields: row!.changed_fields };
}

it('the retention deletes the documents of versions beyond the newest three, and these versions when no refresh can show their changes any more [T24]', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  const first = await rename(project, 'A', 'B', 'C');
  await test.database.advance(10 * DAY);
  const second = await rename(project, 'D', 'E');

  const firstRun = await retention.deleteExpired();
  const afterwards = await historyOf(project);
  const receipts = await Promise.all([...first, ...second].map((id) => changeIn(project, id)));
  await test.database.advance(21 * DAY);
  const later = await retention.deleteExpired();
  const ofFourth = await changeIn(project, second[0]!);

  expect(firstRun).toMatchObject({ refreshes: 0, versions: 0, documents: 2 });
  expect(afterwards).toEqual(['5', '4', '3', '2 without its document', '1 without its document']);
  expect(receipts).toEqual([1, 2, 3, 4, 5].map((version) => ({ version, fields: ['name'] })));
  expect(later).toMatchObject({ refreshes: 3, versions: 2, documents: 0 });
  expect(await historyOf(project)).toEqual(['5', '4', '3']);
  expect(ofFourth).toEqual({ version: 4, fields: ['name'] });
});

it('a refresh that is still open keeps the changes that its receipt may show, however old they are [T24]', async () => {
  const project = await test.aProject({ tokens: ['1', '2'] });
  const open = await requestRefresh(test.app, project, ['2']);
  await http(test.app).post(`/v1/metadata-refreshes/${open}/pause`).set('x-api-key', project.apiKey).expect(202);
  await rename(project, 'A', 'B', 'C', 'D', 'E');

  // Its pause is over after 30 days, and so are the other refreshes.
  await test.database.advance(29.5 * DAY);
  await retention.deleteExpired();
  const during = await historyOf(project);
  await http(test.app).post(`/v1/metadata-refreshes/${open}/cancel`).set('x-api-key', project.apiKey).expect(202);
  await test.worker.runOnce();
  await test.database.advance(31 * DAY);
  await retention.deleteExpired();

  expect(during).toHaveLength(5);
  expect(await historyOf(project)).toEqual(['5', '4', '3']);
});

it('the retention keeps a version within the newest three for ever, with its document, and it can be restored', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await rename(project, 'A', 'B', 'C', 'D');

  await test.database.advance(400 * DAY);
  await retention.deleteExpired();
  await http(test.app)
    .post(`/v1/collections/${project.collectionAddress}/tokens/1/versions/2/restore`)
    .set('x-api-key', project.apiKey)
    .expect(200);

  expect(await historyOf(project)).toEqual(['5', '4', '3', '2']);
  await http(test.app).get(`/v1/collections/${project.collectionAddress}/tokens/1/versions/2`).expect(200);
});

it('the retention of several processes deletes many versions together, and continues a run that was interrupted', async () => {
  const project = await test.aProject({ tokens: ids(4000) });
  // Ten versions each, of which seven are beyond the limit.
  await test.database.query(
    `insert into nft_metadata.token_versions
       (id, version, created_at, content_hash, changed_fields, traits_added, traits_removed, replaced_raw)
     select id, version, now() - interval '60 days', 'hash', 1, '{}', '{}', case when version > 1 then '{"name":"Old"}'::json end
     from nft_metadata.tokens cross join generate_series(1, 10) as version where collection_id = $1`,
    [project.collectionId],
  );
  await test.database.query('update nft_metadata.tokens set metadata_version = 10 where collection_id = $1', [
    project.collectionId,
  ]);
  const rows = async () =>
    test.database.query<{ versions: number; documents: number; oldest: number }>(
      `select count(*)::int as versions, count(replaced_raw)::int as documents, min(version) as oldest
       from nft_metadata.token_versions where id in (select id from nft_metadata.tokens where collection_id = $1)`,
      [project.collectionId],
    );
  // The third page fails: what the first two did stays, and the next run goes on from there.
  await test.database.query(`
    create function test_clock.refuse() returns trigger language plpgsql as $$
    begin
      if (select count(*) from nft_metadata.token_versions where version <= 7 and content_hash = 'hash') < 21000 then
        raise 'refused by the test';
      end if;
      return null;
    end $$;
    create trigger refuse after delete on nft_metadata.token_versions for each statement execute function test_clock.refuse()`);
  await expect(retention.deleteExpired()).rejects.toThrow('refused by the test');
  const [interrupted] = await rows();
  await test.database.query('drop function test_clock.refuse cascade');
  const [position] = await test.database.query<{ id: string }>(
    'select last_id::text as id from nft_metadata.version_retention',
  );

  const others = [await test.anotherProcess(), await test.anotherProcess()].map((one) => one.get(RefreshRetention));
  const deleted = await Promise.all([retention, ...others].map((one) => one.deleteExpired()));
  while ((await retention.deleteExpired()).versions > 0);

  expect(interrupted!.versions).toBeLessThan(40_000);
  expect(interrupted!.versions).toBeGreaterThan(12_000);
  expect(Number(position!.id)).toBeGreaterThan(0);
  expect(await rows()).toEqual([{ versions: 12_000, documents: 8000, oldest: 8 }]);
  expect(deleted.reduce((sum, { versions }) => sum + versions, 0)).toBeLessThanOrEqual(interrupted!.versions - 12_000);
});

it('the retention keeps the newest three of a token with more versions than one statement reads', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await test.database.query(
    `insert into nft_metadata.token_versions
       (id, version, created_at, content_hash, changed_fields, traits_added, traits_removed, replaced_raw)
     select id, version, now() - interval '60 days', 'hash', 1, '{}', '{}', case when version > 1 then '{"name":"Old"}'::json end
     from nft_metadata.tokens cross join generate_series(1, 12000) as version where collection_id = $1`,
    [project.collectionId],
  );

  while ((await retention.deleteExpired()).versions > 0);

  const kept = await test.database.query(
    `select version, replaced_raw is not null as "hasDocument" from nft_metadata.token_versions
     where id = (select id from nft_metadata.tokens where collection_id = $1) order by version`,
    [project.collectionId],
  );
  expect(kept).toEqual([
    { version: 11_998, hasDocument: false },
    { version: 11_999, hasDocument: true },
    { version: 12_000, hasDocument: true },
  ]);
});

it('the retention waits for nobody: versions of a token that is being removed are left to its removal', async () => {
  const project = await test.aProject({ tokens: ['1'] });
  await rename(project, 'A', 'B', 'C', 'D', 'E');
  const lock = new Client({ connectionString: test.database.url });
  await lock.connect();
  await lock.query('begin');
  await lock.query(
    `select from nft_metadata.token_versions
     where version = 2 and id = (select id from nft_metadata.tokens where collection_id = $1) for update`,
    [project.collectionId],
  );

  const { documents } = await retention.deleteExpired();
  await lock.query('rollback');
  await lock.end();

  expect(documents).toBe(1);
  expect(await retention.deleteExpired()).toMatchObject({ documents: 1 });
});

it('with KEEP_VERSIONS=0, only the present document is kept, and receipts show their changes', async () => {
  const small = await startApp({}, { variables: { KEEP_VERSIONS: '0' } });
  try {
    const project = await small.aProject({ tokens: ['1'] });
    for (const name of ['A', 'B', 'C']) {
      small.metadataApi.respond('1', 200, { name });
      await refreshOnce(small, project, ['1']);
    }
    const versions = await small.app.get(VersionStore).listVersions({ ...token(project), limit: 10 });

    await small.database.advance(31 * DAY);
    await small.app.get(RefreshRetention).deleteExpired();

    expect(versions.map(({ version, hasDocument }) => ({ version, hasDocument }))).toEqual([
      { version: 3, hasDocument: true },
      { version: 2, hasDocument: false },
      { version: 1, hasDocument: false },
    ]);
    expect(versions.map(({ changedFields }) => changedFields)).toEqual([['name'], ['name'], ['name']]);
    expect(await small.app.get(VersionStore).listVersions({ ...token(project), limit: 10 })).toMatchObject([
      { version: 3, hasDocument: true },
    ]);
  } finally {
    await small.stop();
  }
});

const token = ({ collectionId }: TestProject) => ({ collectionId, tokenId: '1' });
