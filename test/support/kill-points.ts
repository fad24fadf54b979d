import { until, type CrashTest, type Hold } from './crash-test.js';
import type { ServiceProcess } from './service-process.js';

/** A place at which a worker stops by itself, so that it can be killed there. Nothing in the service knows of it. */
export interface KillPoint {
  /** Read as: "killed …". */
  name: string;
  /** Makes a worker stop there that goes on to work on these tokens: they have been asked for, and nobody has claimed them. */
  prepare(test: CrashTest, tokenIds: readonly string[]): Promise<Stop>;
}

interface Stop {
  /** A worker has arrived. */
  reached(): Promise<void>;
  /** What stood in its way is taken away; everything that the dead process left in the database has ended. */
  release(): Promise<void>;
}

const inTheDatabase =
  (statement: string): KillPoint['prepare'] =>
  (test) =>
    test.hold(statement);

const atTheHost =
  (behaviour: 'hangs' | 'drips a byte at a time'): KillPoint['prepare'] =>
  async ({ metadataApi }, tokenIds) => {
    for (const tokenId of tokenIds) metadataApi.script(tokenId, { behaviour }, { status: 200, body: { name: 'x' } });
    const asked = () => tokenIds.every((tokenId) => metadataApi.hits.has(tokenId));
    return { reached: async () => void (await until(asked)), release: async () => {} };
  };

/** Commits of this kind wait for a lock of the test; see `stopCommits`. */
const whileCommitting =
  (kind: keyof typeof COMMITS): KillPoint['prepare'] =>
  (test) =>
    holdCommits(test, kind);

/** Every place between the claim of an item and the acknowledgement of its commit. */
export const killPoints: readonly KillPoint[] = [
  { name: 'while its claim is being committed', prepare: whileCommitting('claim') },
  {
    name: 'after the claim, before it knows the stored documents',
    prepare: inTheDatabase('lock table nft_metadata.tokens in access exclusive mode'),
  },
  {
    name: 'in the middle of its claim, while its fetches are numbered',
    prepare: inTheDatabase('alter sequence nft_metadata.fetch_seq owned by none'),
  },
  { name: 'after its requests are sent', prepare: atTheHost('hangs') },
  { name: 'after the headers of the answers', prepare: atTheHost('drips a byte at a time') },
  {
    name: 'while the items are being written',
    prepare: inTheDatabase('lock table nft_metadata.refresh_attempts in share mode'),
  },
  {
    name: 'after the items are written, before the records',
    prepare: inTheDatabase('select from nft_metadata.tokens for update'),
  },
  {
    name: 'after the records are written, before the counters',
    prepare: inTheDatabase('select from nft_metadata.refreshes for update'),
  },
  { name: 'while its results are being committed', prepare: whileCommitting('finish') },
  {
    name: 'while failures are being written',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) test.metadataApi.respond(tokenId, 404);
      return test.hold('lock table nft_metadata.refresh_errors in share mode');
    },
  },
  {
    name: 'while retries are being written',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) {
        test.metadataApi.script(tokenId, { status: 503, body: '' }, { status: 200, body: { name: 'x' } });
      }
      return test.hold('lock table nft_metadata.refresh_attempts in share mode');
    },
  },
  {
    name: 'while its items wait for their second try',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) {
        const later = { status: 503, body: '', headers: { 'retry-after': '20' } };
        test.metadataApi.script(tokenId, later, { status: 200, body: { name: 'x' } });
      }
      const waits = async () => {
        const [row] = await test.database.query<{ waiting: number }>(
          `select count(*)::int as waiting from nft_metadata.refresh_items
           where token_id = any($1) and status = 'pending' and attempt_count = 1`,
          [tokenIds],
        );
        return row!.waiting === tokenIds.length;
      };
      return { reached: async () => void (await until(waits)), release: async () => {} };
    },
  },
];

/** A worker stops at the place, is killed, and another one finishes the work once the lease has run out. Returns that one. */
export async function killAt(
  test: CrashTest,
  api: string,
  worker: ServiceProcess,
  killPoint: KillPoint,
): Promise<ServiceProcess> {
  const project = await test.aProject(5);
  // Held still, so that it finds the work only when all is prepared.
  worker.process.kill('SIGSTOP');
  test.numberResponses(project.tokenIds);
  await test.request(api, project, project.tokenIds);
  const stop = await killPoint.prepare(test, project.tokenIds);
  worker.process.kill('SIGCONT');
  await stop.reached();
  await worker.end('SIGKILL');
  await stop.release();

  const successor = await test.startProcess('worker');
  await test.outliveLeases();
  await test.expectAllDone();
  return successor;
}

const COMMITS = { claim: 1, finish: 2, accept: 3 };

/** Until it is released, transactions of this kind do not come to the end of their commit. Needs `stopCommits`. */
export function holdCommits(test: CrashTest, kind: keyof typeof COMMITS): Promise<Hold> {
  return test.hold('select pg_advisory_xact_lock($1)', [COMMITS[kind]]);
}

/**
 * Deferred triggers run while a transaction commits. These wait there for an advisory lock that a test may hold, so
 * that a process can be killed after it said "commit" and before it heard the answer.
 */
export async function stopCommits({ database }: CrashTest): Promise<void> {
  await database.query(`
    create function test_watch.wait() returns trigger language plpgsql as $$
      begin
        perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint);
        return null;
      end
    $$;
    create constraint trigger claim_commits after update on nft_metadata.refresh_items deferrable initially deferred
      for each row when (new.claim_count > old.claim_count) execute function test_watch.wait(${COMMITS.claim});
    create constraint trigger finish_commits after update on nft_metadata.refresh_items deferrable initially deferred
      for each row when (new.status <> old.status) execute function test_watch.wait(${COMMITS.finish});
    create constraint trigger accept_commits after insert on nft_metadata.refreshes deferrable initially deferred
      for each row execute function test_watch.wait(${COMMITS.accept});`);
}
