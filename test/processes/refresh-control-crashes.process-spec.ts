import { CrashTest, waitUntil, type CrashProject, type HeldLock } from '../support/crash-test.js';
import { blockCommits, installCommitTriggers } from '../support/kill-points.js';
import type { ServiceProcess } from '../support/service-process.js';

// Each test starts processes and kills them, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let test: CrashTest;
let api: ServiceProcess;
beforeAll(async () => {
  test = await CrashTest.start();
  await installCommitTriggers(test);
});
beforeEach(async () => {
  api = await test.startProcess('api');
});
afterEach(() => test.killAll());
afterAll(() => test.stop());

/** Tokens of the project that its hour has counted. */
async function usedTokens({ id }: CrashProject): Promise<number> {
  const [row] = await test.database.query<{ used: number }>(
    'select used from nft_metadata.refresh_quotas where project_id = $1',
    [id],
  );
  return row!.used;
}

async function stateOf(refreshId: string) {
  const [row] = await test.database.query<{
    succeeded: number;
    cancelled: number;
    pending: number;
    isCompleted: boolean;
  }>(
    `select succeeded, cancelled, total - succeeded - failed - cancelled as pending, completed_at is not null as "isCompleted"
     from nft_metadata.refreshes where id = $1`,
    [refreshId],
  );
  return row!;
}

describe('a worker that is killed', () => {
  it('the tokens of a worker that was killed are cancelled when their lease expires, and not before [T8]', async () => {
    const project = await test.aProject(300);
    for (const tokenId of project.tokenIds) test.metadataApi.script(tokenId, { behaviour: 'hangs' });
    const worker = await test.startProcess('worker');
    const refreshId = await test.request(api.url, project, project.tokenIds);
    await waitUntil(() => project.tokenIds.some((tokenId) => test.metadataApi.hits.has(tokenId)));
    await worker.end('SIGKILL');
    const claimed = (await test.invariants.claimedTokens()).length;
    await test.startProcess('worker');

    expect(await test.control(api.url, project, refreshId, 'cancel')).toBe(202);
    await waitUntil(async () => (await stateOf(refreshId)).pending <= claimed);

    expect(claimed).toBeGreaterThan(0);
    expect(await stateOf(refreshId)).toEqual({
      succeeded: 0,
      cancelled: 300 - claimed,
      pending: claimed,
      isCompleted: false,
    });
    expect(await usedTokens(project)).toBe(claimed);
    await test.expireLeases();
    await test.expectAllDone();
    expect(await stateOf(refreshId)).toEqual({ succeeded: 0, cancelled: 300, pending: 0, isCompleted: true });
    // The worker may have fetched them.
    expect(await usedTokens(project)).toBe(claimed);
  });
});

interface SweepPoint {
  /** Completes the sentence "killed …". */
  name: string;
  block(): Promise<HeldLock>;
  /** The transaction was complete when the process was killed. */
  isCommitted?: boolean;
}

const at = (statement: string) => () => test.holdLock(statement);

describe('a process that is killed while it cancels a refresh', () => {
  const points: SweepPoint[] = [
    { name: 'before its results are written', block: at('lock table nft_metadata.refresh_results in share mode') },
    { name: 'before its quota is refunded', block: at('lock table nft_metadata.refresh_quotas in exclusive mode') },
    { name: 'before its event is written', block: at('lock table nft_metadata.event_outbox in share mode') },
    { name: 'while its results are being committed', block: () => blockCommits(test, 'finish'), isCommitted: true },
  ];

  it.each(points.map((point) => [point.name, point] as const))(
    'a process that is killed while it cancels a refresh, %s, leaves the rest to others, and tokens are given back once [T9]',
    async (_, point) => {
      const project = await test.aProject(300);
      const refreshId = await test.request(api.url, project, project.tokenIds);
      const lock = await point.block();

      expect(await test.control(api.url, project, refreshId, 'cancel')).toBe(202);
      await lock.reached();
      await api.end('SIGKILL');
      const before = await stateOf(refreshId);
      await lock.release();

      expect(before).toMatchObject({ cancelled: 0, pending: 300, isCompleted: false });
      if (!point.isCommitted) {
        expect(await stateOf(refreshId)).toEqual(before);
        // No process has the refresh any more when those seconds are over.
        await test.startProcess('worker');
        await test.database.advance(10);
      }
      await waitUntil(() => test.isCompleted(refreshId));
      await test.expectAllDone();
      expect(await stateOf(refreshId)).toMatchObject({ cancelled: 300 });
      expect(await usedTokens(project)).toBe(0);
      expect(test.metadataApi.hits.has(project.tokenIds[0]!)).toBe(false);
    },
  );
});

describe('a process that is killed while it pauses or resumes a refresh', () => {
  it('a process that is killed while it pauses a refresh, or resumes it, leaves the rest to others [T10]', async () => {
    const project = await test.aProject(300);
    test.scriptNumberedResponses(project.tokenIds);
    const refreshId = await test.request(api.url, project, project.tokenIds);
    const blockChunks = at('lock table nft_metadata.refresh_chunks in share mode');

    const pausing = await blockChunks();
    expect(await test.control(api.url, project, refreshId, 'pause')).toBe(202);
    await pausing.reached();
    await api.end('SIGKILL');
    await pausing.release();
    const worker = await test.startProcess('worker');
    await test.database.advance(10);
    await waitUntil(async () => (await pausedChunks(refreshId)) === 3);
    expect(await stateOf(refreshId)).toMatchObject({ succeeded: 0, pending: 300 });
    await worker.end('SIGKILL');

    api = await test.startProcess('api');
    const resuming = await blockChunks();
    expect(await test.control(api.url, project, refreshId, 'resume')).toBe(202);
    await resuming.reached();
    await api.end('SIGKILL');
    await resuming.release();
    expect(await pausedChunks(refreshId)).toBe(3);
    await test.startProcess('worker');
    await test.database.advance(10);

    await test.expectAllDone();
    expect(await stateOf(refreshId)).toMatchObject({ succeeded: 300, isCompleted: true });
  });
});

async function pausedChunks(refreshId: string): Promise<number> {
  const rows = await test.database.query(
    'select from nft_metadata.refresh_chunks where refresh_id = $1 and is_paused',
    [refreshId],
  );
  return rows.length;
}
