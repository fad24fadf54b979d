import { MetadataRefreshService, Refreshes } from '@app/metadata-refresh';
import type { HostResponse } from '@app/testing';
import { Collections } from '@app/token-store';
import { Client } from 'pg';
import { CrashTest, delay, waitUntil } from './support/crash-test.js';
import { holdClaims } from './support/held-claims.js';
import { untilLockWaits } from './support/lock-waits.js';
import { expectSucceeded, readErrors, readRefresh, requestRefresh } from './support/project-api.js';
import { startApp, type TestApp, type TestProject } from './support/start-app.js';
import { captureStatements } from './support/statements.js';
import { ids } from './support/token-ids.js';

let test: TestApp;
beforeAll(async () => {
  // Some responses are delayed until another event has happened.
  test = await startApp({ safeHttp: { deadlineMs: 20_000 }, metadataRefresh: { retryBaseSeconds: 20 } });
});
afterAll(() => test.stop());
beforeEach(() => test.metadataApi.hits.clear());

const hitsOf = (tokenId: string) => test.metadataApi.hits.get(tokenId) ?? 0;

interface Result {
  tokenId: string;
  verdict: string;
  attempts: number;
}
const resultsOf = (refreshId: string) =>
  test.database.query<Result>(
    `select token_id::text as "tokenId", verdict, attempts from nft_metadata.refresh_results
     where refresh_id = $1 order by token_id`,
    [refreshId],
  );
const chunksOf = (refreshId: string) =>
  test.database.query<{ tokens: number; lost: number; isClaimed: boolean }>(
    `select token_count as tokens, lost_count as lost, is_claimed as "isClaimed" from nft_metadata.refresh_chunks
     where refresh_id = $1 order by first_token_id`,
    [refreshId],
  );

describe('acceptance', () => {
  it('an accepted refresh is stored in chunks of at most 128 tokens, in the numeric order of their ids', async () => {
    const largest = (2n ** 256n - 1n).toString();
    const tokens = [...ids(300), largest];
    const project = await test.aProject({ tokens });
    const refreshId = await requestRefresh(test.app, project, tokens.toReversed());

    const chunks = await test.database.query(
      `select token_count as tokens, first_token_id::text as first, last_token_id::text as last
       from nft_metadata.refresh_chunks where refresh_id = $1 order by id`,
      [refreshId],
    );
    expect(chunks).toEqual([
      { tokens: 128, first: '1', last: '128' },
      { tokens: 128, first: '129', last: '256' },
      { tokens: 45, first: '257', last: largest },
    ]);

    await test.worker.runOnce();
    await expectSucceeded(test.app, project, refreshId, 301);
    expect(await chunksOf(refreshId)).toEqual([]);
  });

  it('an accepted refresh has a result and an error at once for each token that is not registered', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['2', '1']);

    expect(await chunksOf(refreshId)).toMatchObject([{ tokens: 1 }]);
    expect(await resultsOf(refreshId)).toEqual([{ tokenId: '2', verdict: 'f', attempts: 0 }]);
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([
      { token_id: '2', error_code: 'token_not_found', reason: 'not_registered' },
    ]);
  });

  it('an accepted refresh has each token once: another spelling of a token id is refused', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const { collectionAddress } = project;
    const request = (tokenIds: string[]) =>
      test.app
        .get(MetadataRefreshService)
        .request({ id: project.id, tokensPerRequest: null, tokensPerHour: null }, { collectionAddress, tokenIds });

    await expect(request(['1', '01'])).rejects.toThrow(
      'Token id "01" is not a decimal uint256: digits only, no leading zero, below 2^256.',
    );
    const { refreshId } = await request(['1', '1']);
    await test.worker.runOnce();
    await expectSucceeded(test.app, project, refreshId, 1);
  });
});

describe('results', () => {
  it('the result of a token says whether its refresh changed the record, left it as it was, or failed', async () => {
    const project = await test.aProject({ tokens: ids(3) });
    const first = await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();
    test.metadataApi.respond('2', 200, { name: 'Another' });
    test.metadataApi.respond('3', 404);

    const second = await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();

    expect(await resultsOf(first)).toEqual(ids(3).map((tokenId) => ({ tokenId, verdict: 'u', attempts: 1 })));
    expect(await resultsOf(second)).toEqual([
      { tokenId: '1', verdict: 'n', attempts: 1 },
      { tokenId: '2', verdict: 'u', attempts: 1 },
      { tokenId: '3', verdict: 'f', attempts: 1 },
    ]);
    test.metadataApi.respond('3', 200, { name: 'Three' });
  });

  it('a token whose later fetch was stored first has the result superseded, and counts as succeeded', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', {
      // Another worker has stored a fetch that began later.
      async before() {
        await test.database.query(
          `update nft_metadata.tokens set fetch_seq = nextval('nft_metadata.fetch_seq') where collection_id = $1`,
          [project.collectionId],
        );
      },
      status: 200,
      body: { name: 'Older' },
    });

    const refreshId = await requestRefresh(test.app, project, ['1']);
    await test.worker.runOnce();

    expect(await resultsOf(refreshId)).toEqual([{ tokenId: '1', verdict: 's', attempts: 1 }]);
    await expectSucceeded(test.app, project, refreshId, 1);
    test.metadataApi.respond('1', 200, { name: 'One' });
  });

  it('the result of a token names the version of the record that it is about', async () => {
    const project = await test.aProject({ tokens: ids(4) });
    const versions = async (refreshId: string) => {
      const rows = await test.database.query<{ version: string }>(
        `select verdict::text || coalesce(metadata_version::text, '-') as version from nft_metadata.refresh_results
         where refresh_id = $1 order by token_id`,
        [refreshId],
      );
      return rows.map(({ version }) => version);
    };
    const one = { status: 200, body: { name: 'One' } };
    const cached = { ...one, headers: { etag: '"one"' } };
    test.metadataApi.script('1', one);
    test.metadataApi.script('2', cached, { status: 304, body: '', headers: { etag: '"one"' } }, cached);
    test.metadataApi.script('3', { ...one, body: { name: 'Changed' } }, one, { ...one, body: { name: 'Changed' } });
    test.metadataApi.script('4', one, { status: 404, body: '' });
    const first = await requestRefresh(test.app, project, ids(4));
    await test.worker.runOnce();
    const second = await requestRefresh(test.app, project, ids(4));
    // Due only after the fetch for the second one, which began after both were accepted.
    const coalesced = await requestRefresh(test.app, project, ids(3));
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '5 seconds' where refresh_id = $1`,
      [coalesced],
    );
    await test.worker.runOnce();
    const cancelled = await requestRefresh(test.app, project, ['1', '99']);
    await test.app.get(Refreshes).cancel(cancelled);
    await test.database.advance(6);
    await test.worker.runOnce();
    const third = await requestRefresh(test.app, project, ids(3));
    await test.worker.runOnce();

    expect(await versions(first)).toEqual(['u1', 'u1', 'u1', 'u1']);
    expect(await versions(second)).toEqual(['n1', 'n1', 'u2', 'f-']);
    expect(await versions(coalesced)).toEqual(['n1', 'n1', 'u2']);
    expect(await versions(cancelled)).toEqual(['c-', 'f-']);
    expect(await versions(third)).toEqual(['n1', 'n1', 'u3']);
    for (const tokenId of ids(4)) test.metadataApi.respond(tokenId, 200, { name: tokenId });
  });

  it('the result of a token takes about 110 bytes, with its index', async () => {
    const project = await test.aProject({ tokens: ids(10_000), limits: { tokensPerHour: 1_000_000 } });
    for (let from = 1; from < 10_000; from += 1000) await requestRefresh(test.app, project, ids(1000, from));
    await test.worker.runOnce();

    // How full the pages are depends on which batches were written at the same time.
    await test.database.query('vacuum full nft_metadata.refresh_results');
    const [size] = await test.database.query<{ bytes: number; rows: number }>(
      `select (pg_relation_size('nft_metadata.refresh_results') + pg_relation_size('nft_metadata.refresh_results_pkey'))::int
         as bytes, count(*)::int as rows from nft_metadata.refresh_results`,
    );
    expect(size!.rows).toBeGreaterThanOrEqual(10_000);
    // At most 110 in a table of a million (`bench/queries/receipt-size.mjs`). In this one, the last pages and the root count.
    expect(size!.bytes / size!.rows).toBeLessThanOrEqual(112);
    // Ten thousand tokens take a minute on a busy machine.
  }, 180_000);
});

describe('coalescing', () => {
  /** Accepts two refreshes of token 1. The second one is due only seconds later, after the fetch for the first one. */
  async function twoInTurn(project: TestProject) {
    const refreshIds = [await requestRefresh(test.app, project, ['1']), await requestRefresh(test.app, project, ['1'])];
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '5 seconds' where refresh_id = $1`,
      [refreshIds[1]],
    );
    await test.worker.runOnce();
    await test.database.advance(6);
    await test.worker.runOnce();
    return refreshIds;
  }

  it('a token that several refreshes wait for is not fetched again for a refresh that was accepted before the last fetch began', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, { name: 'One' });

    const [first, second] = await twoInTurn(project);

    expect(hitsOf('1')).toBe(1);
    expect(await resultsOf(first!)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 1 }]);
    expect(await resultsOf(second!)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 0 }]);
    await expectSucceeded(test.app, project, second!, 1);

    const [, unchanged] = await twoInTurn(project);
    expect(hitsOf('1')).toBe(2);
    expect(await resultsOf(unchanged!)).toEqual([{ tokenId: '1', verdict: 'n', attempts: 0 }]);
  });

  /** Accepts a refresh, moves the Metadata API of the collection, and accepts another one before the first fetch begins. */
  async function withMovedSource() {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, { name: 'One' });
    const path = `/${project.collectionAddress}/moved`;
    const before = await requestRefresh(test.app, project, ['1']);
    await test.app.get(Collections).update(project.collectionId, {
      source: { kind: 'metadata_api', url: test.metadataApi.url + path },
    });
    const after = await requestRefresh(test.app, project, ['1']);
    const dueIn = (refreshId: string, seconds: number) =>
      test.database.query(
        `update nft_metadata.refresh_chunks set due_at = now() + $2 * interval '1 second' where refresh_id = $1`,
        [refreshId, seconds],
      );
    const workAfter = async (seconds: number) => {
      await test.database.advance(seconds);
      await test.worker.runOnce();
    };
    return { project, before, after, dueIn, workAfter, movedHits: () => test.metadataApi.trafficOf(path).hits };
  }

  it('a token is fetched from the new Metadata API of its collection, also if a fetch from the previous one began after the refresh was accepted', async () => {
    const { before, after, dueIn, workAfter, movedHits } = await withMovedSource();
    await dueIn(after, 5);
    await workAfter(0);
    const movedBefore = movedHits();
    await workAfter(6);

    expect([movedBefore, movedHits(), hitsOf('1')]).toEqual([0, 1, 2]);
    expect(await resultsOf(before)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 1 }]);
    expect(await resultsOf(after)).toEqual([{ tokenId: '1', verdict: 'n', attempts: 1 }]);
  });

  it('one fetch from the new Metadata API of a collection serves the refreshes that were accepted before and after it moved', async () => {
    const { project, before, after, dueIn, workAfter, movedHits } = await withMovedSource();
    const last = await requestRefresh(test.app, project, ['1']);
    await dueIn(before, 10);
    await dueIn(last, 5);
    for (const seconds of [0, 6, 5]) await workAfter(seconds);

    expect([movedHits(), hitsOf('1')]).toEqual([1, 1]);
    expect(await resultsOf(before)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 0 }]);
    expect(await resultsOf(after)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 1 }]);
    expect(await resultsOf(last)).toEqual([{ tokenId: '1', verdict: 'u', attempts: 0 }]);
  });

  it('a token is fetched again if the refresh of its last fetch was deleted meanwhile, because its source is unknown', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, { name: 'One' });
    const first = await requestRefresh(test.app, project, ['1']);
    const second = await requestRefresh(test.app, project, ['1']);
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '5 seconds' where refresh_id = $1`,
      [second],
    );
    await test.worker.runOnce();
    await test.database.query('delete from nft_metadata.refreshes where id = $1', [first]);
    await test.database.advance(6);
    await test.worker.runOnce();

    expect(hitsOf('1')).toBe(2);
    expect(await resultsOf(second)).toEqual([{ tokenId: '1', verdict: 'n', attempts: 1 }]);
  });

  it('a token is fetched again if a later fetch for another refresh has failed, because the source of the last success is unknown', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script(
      '1',
      { status: 200, body: { name: 'One' } },
      { status: 404, body: '' },
      { status: 200, body: { name: 'One' } },
    );
    const waiting = await requestRefresh(test.app, project, ['1']);
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '5 seconds' where refresh_id = $1`,
      [waiting],
    );
    for (const verdict of ['u', 'f']) {
      const refreshId = await requestRefresh(test.app, project, ['1']);
      await test.worker.runOnce();
      expect(await resultsOf(refreshId)).toMatchObject([{ verdict }]);
    }
    await test.database.advance(6);
    await test.worker.runOnce();

    expect(hitsOf('1')).toBe(3);
    expect(await resultsOf(waiting)).toEqual([{ tokenId: '1', verdict: 'n', attempts: 1 }]);
  });

  it('a token that several refreshes wait for is fetched for each of them after a failure', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 404, body: '' }, { status: 200, body: { name: 'One' } });

    const [first, second] = await twoInTurn(project);

    expect(hitsOf('1')).toBe(2);
    expect(await resultsOf(first!)).toMatchObject([{ verdict: 'f' }]);
    expect(await resultsOf(second!)).toMatchObject([{ verdict: 'u', attempts: 1 }]);
  });

  it('two workers never fetch a token at once, also if both began their claims before the first one was committed', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
    let respond = () => {};
    const before = () => new Promise<void>((done) => (respond = done));
    test.metadataApi.script('1', { before, status: 200, body: { name: 'One' } });
    const other = await test.anotherWorker();
    await using claims = await stoppedAfterTheirSnapshot();

    const refreshIds = [await requestRefresh(test.app, project, ['1'])];
    const rounds = [test.worker.runOnce()];
    await claims.areStopped(1);
    refreshIds.push(await requestRefresh(test.app, project, ['1']));
    rounds.push(other.runOnce());
    await claims.areStopped(2);

    await claims.continue(1);
    await vi.waitUntil(() => hitsOf('1') === 1, { timeout: 10_000 });
    await claims.continue(2);
    await vi.waitUntil(
      async () =>
        (await test.database.query(`select from nft_metadata.refresh_chunks where due_at > now() and not is_claimed`))
          .length === 1,
      { timeout: 10_000 },
    );
    const meanwhile = hitsOf('1');
    test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
    respond();
    await Promise.all(rounds);

    expect(meanwhile).toBe(1);
    for (const refreshId of refreshIds) await expectSucceeded(test.app, project, refreshId, 1);
  });

  /** Fetches of token 1 are held until a test releases them. Time stands still, so that what is deferred is due again only when a test says so. */
  async function heldFetches(project: TestProject, response: HostResponse = { status: 200, body: { name: 'One' } }) {
    const waiting: (() => void)[] = [];
    test.metadataApi.script('1', { ...response, before: () => new Promise<void>((done) => waiting.push(done)) });
    const chunksWith = async (condition: string) =>
      (await test.database.query(`select from nft_metadata.refresh_chunks where ${condition}`)).length;
    await test.database.freezeTime();
    test.worker.start();
    return {
      async claim() {
        test.worker.wake();
        await vi.waitUntil(async () => (await chunksWith('due_at <= now() and not is_paused')) === 0, {
          timeout: 10_000,
        });
      },
      async areHeld(hits: number) {
        await vi.waitUntil(() => hitsOf('1') === hits && waiting.length > 0, { timeout: 10_000 });
      },
      release() {
        for (const release of waiting.splice(0)) release();
      },
      async respond() {
        this.release();
        await vi.waitUntil(async () => (await chunksWith('is_claimed')) === 0, { timeout: 10_000 });
      },
      async [Symbol.asyncDispose]() {
        test.metadataApi.script('1', { status: 200, body: { name: 'One' } });
        this.release();
        await test.worker.stop();
        await test.database.unfreezeTime();
        await test.database.query('delete from nft_metadata.refreshes where project_id = $1', [project.id]);
      },
    };
  }

  it.each([
    { kind: 'an interactive', tokens: ['1'], response: { status: 200, body: { name: 'One' } }, verdict: 'n' },
    { kind: 'an interactive', tokens: ['1'], response: { status: 404, body: '' }, verdict: 'f' },
    { kind: 'a larger', tokens: ids(11), response: { status: 404, body: '' }, verdict: 'f' },
  ])(
    '$kind refresh of a token that is requested again and again waits for the fetch in flight and one more, if the host responds with $response.status',
    async ({ tokens, response, verdict }) => {
      const project = await test.aProject({ tokens });
      await using fetches = await heldFetches(project, response);
      const refreshIds = [await requestRefresh(test.app, project, ['1'])];
      const late: number[] = [];
      await fetches.claim();

      for (let time = 1; time <= 4; time += 1) {
        await fetches.areHeld(time);
        const before = [...refreshIds];
        // Token 1 of it is deferred. A second later it is due, and still in flight.
        refreshIds.push(await requestRefresh(test.app, project, tokens));
        await fetches.claim();
        await test.database.advance(1);
        await fetches.claim();
        await fetches.respond();
        const left = await Promise.all(before.map(chunksOf));
        late.push(left.flat().length);
        // It is requested again as soon as it can be claimed.
        refreshIds.push(await requestRefresh(test.app, project, ['1']));
        await fetches.claim();
      }

      expect(late).toEqual([0, 0, 0, 0]);
      expect(hitsOf('1')).toBeLessThanOrEqual(5);
      expect((await resultsOf(refreshIds[1]!))[0]).toMatchObject({ tokenId: '1', verdict });
    },
  );

  it('a refresh whose token was in flight gets the next fetch of the token, also while its other tokens wait for their turn', async () => {
    const project = await test.aProject({ tokens: ids(300) });
    await using fetches = await heldFetches(project, { status: 404, body: '' });
    const chunksLike = (refreshId: string, condition: string) =>
      test.database.query(`select from nft_metadata.refresh_chunks where refresh_id = $1 and ${condition}`, [
        refreshId,
      ]);
    const inFlight = await requestRefresh(test.app, project, ['1']);
    await fetches.areHeld(1);
    // More tokens than are claimed ahead while no other one gets a response.
    test.metadataApi.hold();
    const large = await requestRefresh(test.app, project, ids(300));
    test.worker.wake();
    await vi.waitUntil(async () => (await chunksLike(large, `token_ids = '{1}' and due_at > now()`)).length === 1, {
      timeout: 10_000,
    });
    // A second later, its token 1 is due, behind its other tokens.
    await test.database.advance(1);
    fetches.release();
    await vi.waitUntil(async () => (await resultsOf(inFlight)).length === 1, { timeout: 10_000 });

    const newer = await requestRefresh(test.app, project, ['1']);
    await vi.waitUntil(async () => (await chunksLike(newer, 'is_claimed')).length === 1, { timeout: 10_000 });
    test.metadataApi.releaseHeld();
    await fetches.areHeld(2);
    fetches.release();
    await vi.waitUntil(async () => (await resultsOf(newer)).length === 1, { timeout: 10_000 });

    expect((await resultsOf(large))[0]).toEqual({ tokenId: '1', verdict: 'f', attempts: 1 });
  });

  it('a claim takes no token for a refresh that is paused or waits for a retry, when it takes the token for another one', async () => {
    const project = await test.aProject({ tokens: ['1', '2'] });
    test.metadataApi.respond('2', 200, { name: 'Two' });
    const retried = await requestRefresh(test.app, project, ['2']);
    await test.database.query(
      `update nft_metadata.refresh_chunks set due_at = now() + interval '20 seconds', attempt_count = 1 where refresh_id = $1`,
      [retried],
    );
    await using fetches = await heldFetches(project);
    const inFlight = await requestRefresh(test.app, project, ['1']);
    await fetches.claim();
    await fetches.areHeld(1);
    const [paused, beingPaused, deferred] = await Promise.all(
      Array.from({ length: 3 }, () => requestRefresh(test.app, project, ['1'])),
    );
    await fetches.claim();
    await test.app.get(Refreshes).pause(paused!);
    // The sweep has not paused its chunk yet.
    await test.database.query(
      `update nft_metadata.refreshes set paused_at = now(), sweep_due_at = now() + interval '30 seconds' where id = $1`,
      [beingPaused],
    );
    await fetches.respond();

    const newer = await requestRefresh(test.app, project, ['1', '2']);
    await fetches.claim();
    await fetches.areHeld(2);
    await fetches.respond();

    const counts = [];
    for (const refreshId of [retried, inFlight, paused!, beingPaused!, deferred!, newer]) {
      counts.push((await resultsOf(refreshId)).length);
    }
    expect(counts).toEqual([0, 1, 0, 0, 1, 2]);
  });

  it('a worker neither waits for the claim of another one, nor claims the same token for a newer refresh beside it', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    test.metadataApi.respond('1', 200, { name: 'One' });
    const other = await test.anotherWorker();
    await using claims = await holdClaims(test.database, '1');
    const refreshIds = [await requestRefresh(test.app, project, ['1'])];
    const round = test.worker.runOnce();
    await vi.waitUntil(() => claims.isOneWaiting(), { timeout: 10_000 });
    refreshIds.push(await requestRefresh(test.app, project, ['1']));

    let isIdle = false;
    void other.runOnce().then(() => (isIdle = true));
    await vi.waitUntil(() => isIdle, { timeout: 10_000 });
    await claims.release();
    await round;

    expect(hitsOf('1')).toBe(2);
    for (const refreshId of refreshIds) await expectSucceeded(test.app, project, refreshId, 1);
  });
});

/** The first statements of claims stop after they have taken their snapshot and before they lock a lane; each has a number. */
async function stoppedAfterTheirSnapshot() {
  const client = new Client(test.database.url);
  await client.connect();
  // A claim reads the cooldowns of hosts before it locks a lane.
  await client.query(`
    select pg_advisory_lock(1), pg_advisory_lock(2);
    create sequence public.stops;
    create function public.stop_here() returns boolean volatile language plpgsql as $$
      begin
        perform pg_advisory_xact_lock_shared(nextval('public.stops'));
        return true;
      end $$;
    alter table nft_metadata.metadata_hosts rename to hosts_behind;
    insert into nft_metadata.hosts_behind (host) values ('nowhere.example') on conflict do nothing;
    create view nft_metadata.metadata_hosts as
      select * from nft_metadata.hosts_behind where host <> 'nowhere.example' or public.stop_here()`);
  return {
    areStopped: (count: number) => untilLockWaits(test.database, { count, kinds: ['advisory'] }),
    async continue(number: number) {
      await client.query('select pg_advisory_unlock($1)', [number]);
    },
    async [Symbol.asyncDispose]() {
      await client.query(`
        select pg_advisory_unlock_all();
        drop view nft_metadata.metadata_hosts;
        alter table nft_metadata.hosts_behind rename to metadata_hosts;
        drop function public.stop_here;
        drop sequence public.stops`);
      await client.end();
    },
  };
}

describe('completion', () => {
  it('a batch of results is written without the tokens of a chunk that another worker has claimed meanwhile', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    test.metadataApi.hold();
    const refreshIds = [
      await requestRefresh(test.app, project, ids(4)),
      await requestRefresh(test.app, project, ids(4, 11)),
    ];
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 8, { timeout: 10_000 });
    await test.database.query(
      'update nft_metadata.refresh_chunks set claim_count = claim_count + 1 where refresh_id = $1',
      [refreshIds[0]],
    );

    test.metadataApi.releaseHeld();
    await round;

    expect(await readRefresh(test.app, project, refreshIds[0]!)).toMatchObject({
      summary: { pending: 4, succeeded: 0 },
    });
    const records = await test.database.query<{ written: number }>(
      'select count(*)::int as written from nft_metadata.tokens where collection_id = $1 and last_attempt_at is not null',
      [project.collectionId],
    );
    expect(records).toEqual([{ written: 4 }]);
    await expectSucceeded(test.app, project, refreshIds[1]!, 4);

    await test.database.advance(31);
    await test.worker.runOnce();
    await expectSucceeded(test.app, project, refreshIds[0]!, 4);
  });

  it('results for a refresh that a failover has lost are not written into another refresh that has got the ids of its chunks', async () => {
    const project = await test.aProject({ tokens: ids(4) });
    test.metadataApi.hold();
    const lostId = await requestRefresh(test.app, project, ids(4));
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 4, { timeout: 10_000 });
    // As on a standby that lacks the first refresh: the same request follows, and another worker claims it.
    const refreshId = await requestRefresh(test.app, project, ids(4));
    await test.database.query('delete from nft_metadata.refresh_chunks where refresh_id = $1', [refreshId]);
    await test.database.query('update nft_metadata.refresh_chunks set refresh_id = $2 where refresh_id = $1', [
      lostId,
      refreshId,
    ]);
    await test.database.query('delete from nft_metadata.refreshes where id = $1', [lostId]);

    test.metadataApi.releaseHeld();
    await round;
    const meanwhile = [...(await resultsOf(lostId)), ...(await resultsOf(refreshId))];
    await test.database.advance(31);
    await test.worker.runOnce();

    expect(meanwhile).toEqual([]);
    await expectSucceeded(test.app, project, refreshId, 4);
  });

  it('a batch of results is written again after it was the victim of a deadlock', async () => {
    // What other tests have left is written before.
    await test.worker.runOnce();
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await using attempts = await aTransaction('lock table nft_metadata.refresh_attempts in share mode');
    await using other = await aTransaction(
      `set local deadlock_timeout = '1min';
       select from nft_metadata.refreshes where id = '${refreshId}' for no key update`,
    );
    const statements = await captureStatements(async () => {
      const round = test.worker.runOnce();
      await blocked('nft_metadata.refresh_attempts');

      // Only the batch looks for deadlocks: it gives way.
      const tokens = other.query(
        `select from nft_metadata.tokens where collection_id = '${project.collectionId}' for update`,
      );
      await blocked('for update');
      await attempts.end();
      await tokens;
      await other.end();
      await round;
    });

    await expectSucceeded(test.app, project, refreshId, 1);
    const writes = statements.filter(({ text }) => text.includes('insert into nft_metadata.refresh_attempts'));
    expect(writes.length).toBeGreaterThan(1);
  });
});

/** Waits until a statement with this part waits for a lock. */
const blocked = (statement: string) => untilLockWaits(test.database, { count: 1, statement });

/** Somebody else's transaction, which holds its locks until it ends. */
async function aTransaction(statements: string) {
  const client = new Client(test.database.url);
  await client.connect();
  await client.query(`begin; ${statements}`);
  const end = () => client.end();
  return { query: (text: string) => client.query(text), end, [Symbol.asyncDispose]: end };
}

describe('lost claims', () => {
  const loseClaims = (refreshId: string, lostBefore: number) =>
    test.database.query(
      `update nft_metadata.refresh_chunks
       set is_claimed = true, claim_count = 1, due_at = now() - interval '1 second', lost_count = $2 where refresh_id = $1`,
      [refreshId, lostBefore],
    );

  it('a chunk that a dead worker has left behind is split, so that no token fails with another one that kills workers', async () => {
    const project = await test.aProject({ tokens: ids(20) });
    const refreshId = await requestRefresh(test.app, project, ids(20));
    await loseClaims(refreshId, 9);
    test.metadataApi.hold();
    const round = test.worker.runOnce();
    await vi.waitUntil(() => test.metadataApi.heldCount === 8, { timeout: 10_000 });

    expect(await chunksOf(refreshId)).toMatchObject(ids(20).map(() => ({ tokens: 1, lost: 9 })));
    test.metadataApi.releaseHeld();
    await round;

    await expectSucceeded(test.app, project, refreshId, 20);
  });

  it('a token over which ten workers have died fails', async () => {
    const project = await test.aProject({ tokens: ['1'] });
    const refreshId = await requestRefresh(test.app, project, ['1']);
    await loseClaims(refreshId, 9);

    await test.worker.runOnce();

    expect(hitsOf('1')).toBe(0);
    expect(await readErrors(test.app, project, refreshId)).toMatchObject([{ token_id: '1', reason: 'worker_lost' }]);
  });

  it('a chunk that a dead worker has left behind is not written by that worker, if it was only slow and another one has a part of it', async () => {
    const project = await test.aProject({ tokens: ids(8) });
    const refreshId = await requestRefresh(test.app, project, ids(8));
    const other = await test.anotherWorker();
    test.metadataApi.hold();
    const rounds = [test.worker.runOnce()];
    await vi.waitUntil(() => test.metadataApi.heldCount === 8, { timeout: 10_000 });
    await test.database.advance(31);
    rounds.push(other.runOnce());
    await vi.waitUntil(async () => (await chunksOf(refreshId)).length > 1, { timeout: 10_000 });
    const lost = await chunksOf(refreshId);

    test.metadataApi.releaseHeld();
    await Promise.all(rounds);
    await test.worker.runOnce();

    expect(lost).toMatchObject([2, 2, 2, 2].map((tokens) => ({ tokens, lost: 1 })));
    await expectSucceeded(test.app, project, refreshId, 8);
    expect(await resultsOf(refreshId)).toHaveLength(8);
  });

  it('a chunk that was lost is not written by the worker that lost it, not even the tokens that no other worker has claimed yet', async () => {
    const project = await test.aProject({ tokens: ids(8) });
    const [late, onTime] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    for (const tokenId of ids(8)) {
      const response = { status: 200, body: { name: 'x' } };
      test.metadataApi.script(
        tokenId,
        { ...response, before: () => late.promise },
        { ...response, before: () => onTime.promise },
      );
    }
    const refreshId = await requestRefresh(test.app, project, ids(8));
    const other = await test.anotherWorker();
    const rounds = [test.worker.runOnce()];
    await vi.waitUntil(() => test.metadataApi.totalHits === 8, { timeout: 10_000 });
    await test.database.advance(31);
    // The other worker claims the first part of the chunk, and no further one.
    await using cooldown = await cooldownAfterNextSplit();
    rounds.push(other.runOnce());
    await vi.waitUntil(async () => (await chunksOf(refreshId)).length === 4, { timeout: 10_000 });

    late.resolve();
    await rounds[0];
    const meanwhile = await resultsOf(refreshId);
    onTime.resolve();
    await rounds[1];
    await cooldown.end();
    await test.worker.runOnce();

    expect(meanwhile).toEqual([]);
    await expectSucceeded(test.app, project, refreshId, 8);
  });
});

/** The claim that next splits a chunk also begins a cooldown of its host. */
async function cooldownAfterNextSplit() {
  await test.database.query(`
    create function public.begin_cooldown() returns trigger language plpgsql as $$
      begin
        insert into nft_metadata.metadata_hosts (host, cooldown_until)
        select host, now() + interval '1 hour' from nft_metadata.lanes where id = new.lane_id
        on conflict (host) do update set cooldown_until = excluded.cooldown_until;
        return null;
      end $$;
    create trigger begin_cooldown after insert on nft_metadata.refresh_chunks for each row when (new.is_claimed)
      execute function public.begin_cooldown()`);
  const end = async () => {
    await test.database.query('drop function if exists public.begin_cooldown cascade');
    await test.database.query(`update nft_metadata.metadata_hosts set cooldown_until = '-infinity'`);
  };
  return { end, [Symbol.asyncDispose]: end };
}

it('tokens that a worker releases leave the chunk of those that it is fetching, and each is fetched once', async () => {
  const project = await test.aProject({ tokens: ids(16) });
  const fetching = Promise.withResolvers<void>();
  const areRequested = () => ids(7, 2).every((tokenId) => test.metadataApi.hits.has(tokenId));
  // Eight are requested at once. The host asks for a pause: the worker releases the eight that it has not begun.
  test.metadataApi.script(
    '1',
    {
      before: async () => {
        await vi.waitUntil(areRequested, { timeout: 10_000 });
      },
      status: 429,
      body: '',
      headers: { 'retry-after': '40' },
    },
    { status: 200, body: { name: '1' } },
  );
  for (const tokenId of ids(7, 2)) {
    test.metadataApi.script(tokenId, { before: () => fetching.promise, status: 200, body: { name: tokenId } });
  }
  for (const tokenId of ids(8, 9)) test.metadataApi.respond(tokenId, 200, { name: tokenId });
  const refreshId = await requestRefresh(test.app, project, ids(16));

  const round = test.worker.runOnce();
  await vi.waitUntil(async () => (await chunksOf(refreshId)).length === 3, { timeout: 10_000 });
  const chunks = await chunksOf(refreshId);
  fetching.resolve();
  await round;
  await test.database.advance(41);
  await test.worker.runOnce();

  expect(chunks).toMatchObject([
    { tokens: 1, isClaimed: false },
    { tokens: 7, isClaimed: true },
    { tokens: 8, isClaimed: false },
  ]);
  await expectSucceeded(test.app, project, refreshId, 16);
  expect(ids(16).map(hitsOf)).toEqual([2, ...ids(15).map(() => 1)]);
});

it('tokens that wait for a retry after the same response share a chunk, however their delays differ', async () => {
  // Results linger until the last one, so how many batches there are does not depend on the speed of the machine.
  const lingering = await startApp({ metadataRefresh: { retryBaseSeconds: 20, completeLingerMs: 60_000 } });
  onTestFinished(() => lingering.stop());
  const project = await lingering.aProject({ tokens: ids(40) });
  const api = lingering.metadataApi;
  for (const tokenId of ids(40)) api.script(tokenId, { status: 503, body: '' }, { status: 200, body: { name: 'x' } });
  const refreshId = await requestRefresh(lingering.app, project, ids(40));

  await lingering.worker.runOnce();

  const waiting = await lingering.database.query<{ tokens: number; attempts: number }>(
    'select token_count as tokens, attempt_count as attempts from nft_metadata.refresh_chunks where refresh_id = $1',
    [refreshId],
  );
  expect(waiting.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(40);
  // A batch is a chunk or a few: the delays differ by up to five seconds.
  expect(waiting.length).toBeLessThanOrEqual(15);
  expect(new Set(waiting.map(({ attempts }) => attempts))).toEqual(new Set([1]));
  await lingering.database.advance(26);
  await lingering.worker.runOnce();
  await expectSucceeded(lingering.app, project, refreshId, 40);
});

/** Some fail, some are retried, and some take longer than others. */
function responsesOf(index: number): HostResponse[] {
  const succeeds = {
    status: 200,
    body: (served: number) => ({ name: `Token ${index}`, served }),
    before: () => delay(10 * index),
  };
  if (index === 0) return [{ status: 404, body: '' }];
  return index === 1 ? [{ status: 503, body: '' }, succeeds] : [succeeds];
}

it('every token is counted once while batches, cancellations, lost claims and retries overlap', async () => {
  const crash = await CrashTest.start();
  try {
    const project = await crash.aProject(400);
    project.tokenIds.forEach((tokenId, index) => crash.metadataApi.script(tokenId, ...responsesOf(index % 10)));
    const workers = [crash.app.worker, await crash.app.anotherWorker(), await crash.app.anotherWorker()];
    const refreshIds: string[] = [];
    for (let time = 0; time < 6; time += 1) {
      const refreshId = await requestRefresh(crash.app.app, project, project.tokenIds.slice(0, 400 - 40 * time));
      crash.accepted.push({ refreshId, tokenIds: project.tokenIds.slice(0, 400 - 40 * time) });
      refreshIds.push(refreshId);
    }
    for (const worker of workers) worker.start();
    await waitUntil(() => crash.metadataApi.totalHits > 100);
    await crash.expireLeases();
    const cancelled = await Promise.all(refreshIds.slice(3).map((id) => crash.app.app.get(Refreshes).cancel(id)));
    await crash.expireLeases();
    const beat = setInterval(() => {
      for (const worker of workers) worker.wake();
    }, 200);
    await waitUntil(async () => (await crash.countPending()) === 0);
    clearInterval(beat);
    await Promise.all(workers.map((worker) => worker.stop()));

    expect(cancelled.some((count) => count > 0)).toBe(true);
    await crash.expectAllDone();
  } finally {
    await crash.stop();
  }
}, 180_000);
