import {
  failedTokensSchema,
  failuresSchema,
  type FailedTokens,
  type Failures,
} from '../libs/console/src/wire/index.js';
import { ConsoleVisitor } from './support/console.js';
import { startConsoleApp } from './support/console-app.js';
import { captureStatements, explainLargestStep, explainReads } from './support/statements.js';
import { refreshOnce } from './support/refresh-steps.js';
import type { TestApp, TestProject } from './support/start-app.js';

const UNKNOWN = '6c5d2a3e-9b1c-4f6e-8a37-1d0f0a5b7c21';

let test: TestApp;
let operator: ConsoleVisitor;
beforeEach(async () => {
  ({ test, operator } = await startConsoleApp());
});
afterEach(() => test.stop());

const aPartner = (project: TestProject) => new ConsoleVisitor(test.app).withApiKey(project.apiKey);

/** A refresh in which token 1 is fetched, 2 is not JSON, and 3 to 5 are not found. */
async function aProjectWithFailures() {
  const project = await test.aProject({ tokens: ['1', '2', '3', '4', '5'] });
  test.metadataApi.respond('2', 200, '{"name": "cut');
  for (const id of ['3', '4', '5']) test.metadataApi.respond(id, 404, 'not here');
  return { project, refreshId: await refreshOnce(test, project, ['1', '2', '3', '4', '5']) };
}

/** More failures of a refresh, as if workers had added them: one a millisecond, the newest now. */
async function seedFailures(refreshId: string, count: number, reason = 'timeout'): Promise<void> {
  await test.database.query(
    `with added as (
       insert into nft_metadata.refresh_errors
         (refresh_id, token_id, metadata_url, body, error_code, reason, created_at)
       select $1, 1000000 + index, 'https://api.example/' || index, repeat('oh no ', 50), 'unable_to_retrieve_metadata', $2,
         now() - index * interval '1 millisecond'
       from generate_series(0, $3::int - 1) as index
     )
     update nft_metadata.refreshes
     set total = total + $3::int, failed = failed + $3::int where id = $1`,
    [refreshId, reason, count],
  );
}

const keysOf = ({ groups }: Failures) => groups.map(({ key, tokens }) => [key, tokens]);

describe('groups of failures', () => {
  it('an operator sees which reasons are the most frequent, since when, where, and what can be done', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    const other = await aProjectWithFailures();

    const failures = await operator.read('failures', failuresSchema);

    expect(failures).toMatchObject({ since: '1h', group: 'reason', isComplete: true, tokens: 8 });
    expect(keysOf(failures)).toEqual([
      ['status_404', 6],
      ['invalid_json', 2],
    ]);
    const [notFound] = failures.groups;
    expect(notFound).toMatchObject({
      label: 'status_404',
      advice: { title: 'Your server has no document for these tokens' },
      where: [{ label: test.metadataApi.host, tokens: 6 }],
    });
    expect(notFound!.trend).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6]);
    expect(notFound!.firstAt <= notFound!.lastAt && notFound!.lastAt <= failures.now).toBe(true);
    const targets = notFound!.refreshes.map(({ id, project: of, tokens }) => [id, of?.id, tokens]);
    expect(targets).toHaveLength(2);
    expect(targets).toEqual(
      expect.arrayContaining([
        [refreshId, project.id, 3],
        [other.refreshId, other.project.id, 3],
      ]),
    );
  });

  it('failures are grouped by host, project and collection as well', async () => {
    const { project } = await aProjectWithFailures();
    const other = await test.aProject({ tokens: ['1'], metadataUrl: 'https://API.example:443/{id}?a=1' });
    const otherRefresh = await refreshOnce(test, other, ['1']);
    await seedFailures(otherRefresh, 1);

    const byHost = await operator.read('failures?group=host', failuresSchema);
    const byProject = await operator.read('failures?group=project', failuresSchema);
    const byCollection = await operator.read('failures?group=collection', failuresSchema);

    const [lane] = await test.database.query<{ host: string }>(
      'select host from nft_metadata.lanes where project_id = $1',
      [other.id],
    );
    expect(keysOf(byHost)).toEqual([
      [test.metadataApi.host, 4],
      [lane!.host, expect.any(Number)],
    ]);
    expect(byHost.groups[0]).toMatchObject({
      advice: null,
      where: [
        { label: 'status_404', tokens: 3 },
        { label: 'invalid_json', tokens: 1 },
      ],
    });
    expect(byProject.groups[0]).toMatchObject({ key: project.id, label: 'Studio', tokens: 4 });
    expect(byCollection.groups[0]).toMatchObject({
      key: project.collectionId,
      label: project.collectionAddress,
      tokens: 4,
      refreshes: [{ tokens: 4 }],
    });
  });

  it('filters narrow what is grouped, and a window leaves out what is older', async () => {
    const { project } = await aProjectWithFailures();
    const { project: other } = await aProjectWithFailures();
    await test.database.query(
      `update nft_metadata.refresh_errors set created_at = created_at - interval '3 hours' where reason = 'invalid_json'`,
    );

    const read = async (query: string) => keysOf(await operator.read(`failures?${query}`, failuresSchema));

    expect(await read('since=1h')).toEqual([['status_404', 6]]);
    expect(await read('since=24h')).toEqual([
      ['status_404', 6],
      ['invalid_json', 2],
    ]);
    expect(await read(`since=7d&project=${project.id}&reason=invalid_json`)).toEqual([['invalid_json', 1]]);
    expect(await read(`since=7d&collection=${other.collectionId}`)).toEqual([
      ['status_404', 3],
      ['invalid_json', 1],
    ]);
    expect(await read(`host=${encodeURIComponent(test.metadataApi.host)}`)).toEqual([['status_404', 6]]);
    expect(await read('host=other.example')).toEqual([]);
    expect(await read(`collection=${UNKNOWN}`)).toEqual([]);
    await operator.get('failures?since=2h').expect(400);
    await operator.get('failures?reason=no-such-reason').expect(400);
    await operator.get('failures?group=colour').expect(400);
  });

  it('a window with more failures than are counted begins later, and says so', async () => {
    const { refreshId } = await aProjectWithFailures();
    await seedFailures(refreshId, 100_000);

    const ofAll = await operator.read('failures?since=24h', failuresSchema);

    expect(ofAll).toMatchObject({ isComplete: false, tokens: 100_000 });
    const begun = Date.parse(ofAll.now) - Date.parse(ofAll.from);
    expect(begun).toBeGreaterThan(60_000);
    expect(begun).toBeLessThan(3_600_000);
    const [timeout] = ofAll.groups;
    expect(timeout!.trend.reduce((sum, tokens) => sum + tokens, 0)).toBe(timeout!.tokens);
    expect(Math.min(...timeout!.trend)).toBeGreaterThan(0);
  });

  it('a partner’s window that begins among failures of one moment has no more of them than are counted', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await seedFailures(refreshId, 100_100);
    await test.database.query(
      `update nft_metadata.refresh_errors set created_at = now() - interval '2 minutes'
       where token_id >= 1000000 + 90000`,
    );
    await test.database.query('analyze nft_metadata.refresh_errors');
    const partner = await aPartner(project);

    for (const visitor of [partner, operator]) {
      const { isComplete, tokens, from, groups } = await visitor.read('failures?since=24h', failuresSchema);

      expect({ isComplete, tokens }).toEqual({ isComplete: false, tokens: 100_000 });
      expect(groups[0]).toMatchObject({ key: 'timeout', firstAt: from });
    }
  });

  it('a window with failures of more refreshes than are looked at begins later, and says so', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await test.database.query(
      `with added as (
         insert into nft_metadata.refreshes
           (id, project_id, collection_id, collection_address, source, total, failed, created_at, completed_at)
         select gen_random_uuid(), project_id, collection_id, collection_address, source, 2, 2,
           now() + n * interval '1 second', now() + n * interval '1 second'
         from nft_metadata.refreshes cross join generate_series(1, 5100) as n where id = $1
         returning id, completed_at
       )
       insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
       select id, token, 'https://api.example', 'unable_to_retrieve_metadata', (array['timeout', 'tls'])[token], completed_at
       from added cross join generate_series(1, 2) as token`,
      [refreshId],
    );
    await test.database.advance(5200);
    await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_errors');

    const partner = await aPartner(project);

    const ofAll = await operator.read('failures?since=24h', failuresSchema);
    const ofReason = await operator.read('failures?since=24h&reason=tls', failuresSchema);
    const ofPartner = await partner.read('failures?since=24h', failuresSchema);

    // The last refresh that is left out tells where the window begins.
    expect(ofAll).toMatchObject({ isComplete: false, tokens: 2 * 5001 });
    expect(keysOf(ofAll)).toEqual([
      ['timeout', 5001],
      ['tls', 5001],
    ]);
    expect(ofReason).toMatchObject({ isComplete: false, from: ofAll.from, tokens: 5001 });
    for (const { trend, firstAt } of [...ofAll.groups, ...ofReason.groups]) {
      expect(firstAt).toBe(ofAll.from);
      expect(trend.reduce((sum, tokens) => sum + tokens, 0)).toBe(5001);
      expect(Math.min(...trend)).toBeGreaterThan(300);
    }
    // Those of its newest refreshes: it begins with the first of these.
    expect(ofPartner).toMatchObject({ isComplete: false, tokens: 2 * 5000 });
    for (const { trend, firstAt } of ofPartner.groups) {
      expect(firstAt).toBe(ofPartner.from);
      expect(trend.reduce((sum, tokens) => sum + tokens, 0)).toBe(5000);
      expect(Math.min(...trend)).toBeGreaterThan(300);
    }
  });

  /** A refresh of the same project with so many failures, the first `secondsAgo`, which has ended then or still runs. */
  async function aLargerRefresh(project: TestProject, failures: number, secondsAgo: number, isRunning: boolean) {
    const refreshId = await refreshOnce(test, project, ['1']);
    await seedFailures(refreshId, failures);
    await test.database.query(
      `update nft_metadata.refresh_errors set created_at = created_at - $2 * interval '1 second' where refresh_id = $1`,
      [refreshId, secondsAgo],
    );
    await test.database.query(
      `update nft_metadata.refreshes set total = total + $3::int, created_at = created_at - $2::int * interval '1 second',
         completed_at = case $3::int when 0 then completed_at - $2::int * interval '1 second' end
       where id = $1`,
      [refreshId, secondsAgo, isRunning ? 1 : 0],
    );
  }

  it('a partner sees the failures of a refresh that began before a larger one and failed after it', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await aLargerRefresh(project, 100_000, 1800, false);
    await test.database.query(
      `update nft_metadata.refreshes set created_at = created_at - interval '40 minutes' where id = $1`,
      [refreshId],
    );
    const partner = await aPartner(project);

    for (const visitor of [partner, operator]) {
      const failures = await visitor.read('failures?since=1h', failuresSchema);

      expect(failures).toMatchObject({ isComplete: false, tokens: 100_000 });
      expect(keysOf(failures)).toEqual([
        ['timeout', 99_996],
        ['status_404', 3],
        ['invalid_json', 1],
      ]);
    }
  });

  it('a partner sees all failures of a window beside a refresh with many failures before it', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await aLargerRefresh(project, 100_000, 7200, true);
    await test.database.query(
      `update nft_metadata.refreshes set created_at = created_at - interval '3 hours' where id = $1`,
      [refreshId],
    );
    const partner = await aPartner(project);

    for (const visitor of [partner, operator]) {
      const failures = await visitor.read('failures?since=1h', failuresSchema);
      const { rows, next } = await visitor.read('failures/tokens?since=1h', failedTokensSchema);

      expect(failures).toMatchObject({ isComplete: true, tokens: 4 });
      expect({ tokens: rows.length, next }).toEqual({ tokens: 4, next: null });
    }
  });
});

describe('failed tokens', () => {
  it('are listed newest first, with what was requested and received, page by page', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await seedFailures(refreshId, 60);
    const partner = await aPartner(project);

    for (const visitor of [operator, partner]) {
      const first = await visitor.read('failures/tokens?since=24h&reason=timeout', failedTokensSchema);
      const second = await visitor.read(
        `failures/tokens?since=24h&reason=timeout&cursor=${first.next}`,
        failedTokensSchema,
      );

      expect([...first.rows, ...second.rows].map(({ tokenId }) => tokenId)).toEqual(
        Array.from({ length: 60 }, (_, index) => String(1_000_000 + index)),
      );
      expect(second.next).toBeNull();
      expect(first.rows[0]).toMatchObject({
        refreshId,
        collection: { id: project.collectionId, address: project.collectionAddress },
        project: visitor === operator ? { id: project.id, name: 'Studio' } : null,
        reason: 'timeout',
        statusCode: null,
        metadataUrl: 'https://api.example/0',
        title: 'Your server did not send the whole document within the time limit',
      });
    }
    await operator.get('failures/tokens?cursor=forged').expect(400);
  });

  it('a rare reason behind many others is found, a bounded part of them at a time', async () => {
    const { refreshId } = await aProjectWithFailures();
    await test.database.query(`update nft_metadata.refresh_errors set created_at = created_at - interval '10 minutes'`);
    await seedFailures(refreshId, 45_000);

    const pages: number[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: FailedTokens = await operator.read(
        `failures/tokens?since=24h&reason=invalid_json&cursor=${cursor}`,
        failedTokensSchema,
      );
      pages.push(page.rows.length);
      cursor = page.next;
    }

    expect(pages).toEqual([0, 0, 1]);
  });
});

describe('a partner', () => {
  it('sees its own failures only, and asks in vain for those of others, as for what does not exist [K20]', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    const { project: other } = await aProjectWithFailures();
    const partner = await aPartner(project);

    const own = await partner.read('failures', failuresSchema);
    const ownTokens = await partner.read('failures/tokens', failedTokensSchema);

    expect(keysOf(own)).toEqual([
      ['status_404', 3],
      ['invalid_json', 1],
    ]);
    expect(own.groups[0]!.refreshes).toMatchObject([{ id: refreshId, project: null, tokens: 3 }]);
    expect(new Set(ownTokens.rows.map((row) => row.refreshId))).toEqual(new Set([refreshId]));
    expect(await partner.read('failures?group=project', failuresSchema)).toMatchObject({
      groups: [{ key: project.id, label: 'Studio', tokens: 4 }],
    });
    for (const [ofOther, ofNobody] of [
      [`collection=${other.collectionId}`, `collection=${UNKNOWN}`],
      [`project=${other.id}`, `project=${UNKNOWN}`],
    ]) {
      const [groups, noGroups] = [
        await partner.read(`failures?${ofOther}`, failuresSchema),
        await partner.read(`failures?${ofNobody}`, failuresSchema),
      ];
      expect({ ...groups, now: '', from: '' }).toEqual({ ...noGroups, now: '', from: '' });
      expect(groups.groups).toEqual([]);
      const tokens = await partner.read(`failures/tokens?${ofOther}`, failedTokensSchema);
      expect(tokens).toMatchObject({ rows: [], next: null });
    }
  });

  it('a cursor of somebody else shows nothing of theirs [K20]', async () => {
    const { project } = await aProjectWithFailures();
    const { refreshId } = await aProjectWithFailures();
    await seedFailures(refreshId, 60);
    const { next } = await operator.read('failures/tokens?since=24h', failedTokensSchema);

    const partner = await aPartner(project);
    const page = await partner.read(`failures/tokens?since=24h&cursor=${next}`, failedTokensSchema);

    expect(page.rows.every(({ collection }) => collection.id === project.collectionId)).toBe(true);
  });
});

describe('what a page of failures costs', () => {
  it('is the newest failures, by their index, and the refreshes that they belong to, whatever else there is', async () => {
    const { project, refreshId } = await aProjectWithFailures();
    await test.database.query(
      `insert into nft_metadata.refreshes
         (id, project_id, collection_id, collection_address, source, total, succeeded, failed, created_at, completed_at)
       select gen_random_uuid(), 'other', collection_id, collection_address, source, 1, 0, 1, now() - interval '8 days',
         now() - interval '8 days'
       from nft_metadata.refreshes cross join generate_series(1, 20000) where id = $1`,
      [refreshId],
    );
    await test.database.query(
      `insert into nft_metadata.refresh_errors (refresh_id, token_id, metadata_url, error_code, reason, created_at)
       select id, 1, 'https://api.example/1', 'unable_to_retrieve_metadata', 'timeout', created_at
       from nft_metadata.refreshes where project_id = 'other'`,
    );
    await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_errors');
    const partner = await aPartner(project);

    for (const visitor of [operator, partner]) {
      for (const path of [
        'failures?since=7d',
        `failures?since=7d&group=host&collection=${project.collectionId}`,
        'failures/tokens?since=7d',
        'failures/tokens?since=7d&reason=invalid_json',
      ]) {
        const statements = await captureStatements(() => visitor.get(path).expect(200));
        const reads = await explainReads(test.database.url, statements);
        const large = reads.filter(({ table, rows }) => /^refresh(es|_errors)$/.test(table) && rows > 100);

        expect({ path, large }).toEqual({ path, large: [] });
      }
    }
  });

  /** Each has two failures for each of two reasons, and a host and a collection of its own. */
  async function seedRefreshes(like: string, count: number): Promise<void> {
    await test.database.query(
      `with added as (
         insert into nft_metadata.refreshes
           (id, project_id, collection_id, collection_address, source, total, failed, created_at, completed_at)
         select gen_random_uuid(), project_id, gen_random_uuid(), collection_address,
           jsonb_build_object('kind', 'url', 'url', 'https://' || n || '.example/{id}'), 4, 4,
           now() - n * interval '0.1 seconds', now() - n * interval '0.1 seconds'
         from nft_metadata.refreshes cross join generate_series(1, $2::int) as n where id = $1
         returning id, completed_at
       )
       insert into nft_metadata.refresh_errors
         (refresh_id, token_id, metadata_url, body, error_code, reason, created_at)
       select id, token, 'https://api.example', repeat('oh no ', 50), 'unable_to_retrieve_metadata',
         (array['timeout', 'tls'])[1 + token % 2], completed_at
       from added cross join generate_series(1, 4) as token
       order by completed_at, token`,
      [like, count],
    );
  }

  it.each(['a few failures', 'failures of one refresh', 'refreshes that all ran', 'all there is'])(
    'failures of 5,100 refreshes are read in an index and compared with no others on the page of failures, if statistics know %s',
    async (known) => {
      const { project, refreshId } = await aProjectWithFailures();
      await aProjectWithFailures();
      if (known === 'failures of one refresh') {
        await test.database.query('delete from nft_metadata.refresh_errors');
        await seedFailures(refreshId, 100);
      }
      const setRunning = (isRunning: boolean) =>
        test.database.query(
          `update nft_metadata.refreshes
           set total = succeeded + failed + $1, completed_at = case $1 when 0 then now() end`,
          [isRunning ? 1 : 0],
        );
      if (known === 'refreshes that all ran') await setRunning(true);
      // As autovacuum does it: before they fail.
      await test.database.query(`
        alter table nft_metadata.refreshes set (autovacuum_enabled = false);
        alter table nft_metadata.refresh_errors set (autovacuum_enabled = false);
        analyze nft_metadata.refreshes, nft_metadata.refresh_errors`);
      if (known === 'refreshes that all ran') await setRunning(false);
      await seedRefreshes(refreshId, 5100);
      if (known === 'all there is') {
        await test.database.query('analyze nft_metadata.refreshes, nft_metadata.refresh_errors');
      }
      const partner = await aPartner(project);

      for (const visitor of [operator, partner]) {
        for (const path of [
          'failures?since=7d',
          'failures?since=1h&group=host&reason=tls',
          'failures?since=24h&group=collection&host=7.example',
          `failures?since=24h&group=collection&project=${project.id}`,
          'failures/tokens?since=7d',
          'failures/tokens?since=24h&reason=tls',
          'overview',
        ]) {
          const statements = await captureStatements(() => visitor.get(path).expect(200));
          const reads = await explainReads(test.database.url, statements);
          const failures = reads.filter(({ table }) => table === 'refresh_errors');
          const others = failures.filter(
            ({ index = '', rows }) => !/^refresh_errors_(newest|page|reason)$/.test(index) || rows > 21_000,
          );
          const largest = await explainLargestStep(test.database.url, statements);

          expect({ path, read: failures.length > 0, others }).toEqual({ path, read: true, others: [] });
          // Of 20,500 failures, and of the keys of 100 groups.
          expect({ path, largest }).toEqual({ path, largest: expect.toSatisfy((rows: number) => rows < 50_000) });
        }
      }
    },
  );
});
