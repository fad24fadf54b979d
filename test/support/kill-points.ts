import { waitUntil, type CrashTest, type HeldLock } from './crash-test.js';
import type { ServiceProcess } from './service-process.js';

/** A point at which a worker blocks, so that a test can kill it there. It needs no code in the service. */
export interface KillPoint {
  /** Completes the sentence "killed …". */
  name: string;
  /** Makes a worker block there when it works on these tokens, which are pending and unclaimed. */
  prepare(test: CrashTest, tokenIds: readonly string[]): Promise<Breakpoint>;
}

interface Breakpoint {
  /** Waits until a worker is blocked. */
  reached(): Promise<void>;
  /** Removes the block, and waits until the database sessions of the killed process have ended. */
  release(): Promise<void>;
}

const blockedByStatement =
  (statement: string): KillPoint['prepare'] =>
  (test) =>
    test.holdLock(statement);

const waitingForHost =
  (behaviour: 'hangs' | 'drips a byte at a time'): KillPoint['prepare'] =>
  async ({ metadataApi }, tokenIds) => {
    for (const tokenId of tokenIds) metadataApi.script(tokenId, { behaviour }, { status: 200, body: { name: 'x' } });
    const requested = () => tokenIds.every((tokenId) => metadataApi.hits.has(tokenId));
    return { reached: async () => void (await waitUntil(requested)), release: async () => {} };
  };

/** Blocks commits of this kind; see `installCommitTriggers`. */
const whileCommitting =
  (kind: keyof typeof COMMITS): KillPoint['prepare'] =>
  (test) =>
    blockCommits(test, kind);

/** All points between the claim of a token and the acknowledged commit of its result. */
export const killPoints: readonly KillPoint[] = [
  { name: 'while its claim is being committed', prepare: whileCommitting('claim') },
  {
    name: 'after the claim, before it knows the stored documents',
    prepare: blockedByStatement('lock table nft_metadata.tokens in access exclusive mode'),
  },
  {
    name: 'in the middle of its claim, while its fetches are numbered',
    prepare: blockedByStatement('alter sequence nft_metadata.fetch_seq owned by none'),
  },
  { name: 'after its requests are sent', prepare: waitingForHost('hangs') },
  { name: 'after the headers of the responses', prepare: waitingForHost('drips a byte at a time') },
  {
    name: 'before the records are written',
    prepare: blockedByStatement('select from nft_metadata.tokens for update'),
  },
  {
    name: 'after the records are written, before the attempts',
    prepare: blockedByStatement('lock table nft_metadata.refresh_attempts in share mode'),
  },
  {
    name: 'after the attempts are written, before the results',
    prepare: blockedByStatement('lock table nft_metadata.refresh_results in share mode'),
  },
  {
    name: 'after the results are written, before the counts of traits',
    prepare: async (test, tokenIds) => {
      // The traits exist, so that only their counts are left to write.
      await test.database.query(
        `insert into nft_metadata.collection_traits (collection_id, trait_type, value)
         select distinct collection_id, 'parity', unnest(array['odd', 'even']) from nft_metadata.tokens
         where token_id = any($1)`,
        [tokenIds],
      );
      return test.holdLock('select from nft_metadata.collection_traits for update');
    },
  },
  {
    name: 'after the results are written, before the counters',
    prepare: blockedByStatement('select from nft_metadata.refreshes for no key update'),
  },
  {
    name: 'after the counters are written, before the events',
    prepare: blockedByStatement('lock table nft_metadata.event_outbox in share mode'),
  },
  { name: 'while its results are being committed', prepare: whileCommitting('finish') },
  {
    name: 'while failures are being written',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) test.metadataApi.respond(tokenId, 404);
      return test.holdLock('lock table nft_metadata.refresh_errors in share mode');
    },
  },
  {
    name: 'while retries are being written',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) {
        test.metadataApi.script(tokenId, { status: 503, body: '' }, { status: 200, body: { name: 'x' } });
      }
      return test.holdLock('lock table nft_metadata.refresh_attempts in share mode');
    },
  },
  {
    name: 'while its tokens wait for their second try',
    prepare: async (test, tokenIds) => {
      for (const tokenId of tokenIds) {
        const later = { status: 503, body: '', headers: { 'retry-after': '20' } };
        test.metadataApi.script(tokenId, later, { status: 200, body: { name: 'x' } });
      }
      const waits = async () => {
        const [row] = await test.database.query<{ waiting: number }>(
          `select count(*)::int as waiting from nft_metadata.refresh_chunks cross join unnest(token_ids) as token_id
           where token_id = any($1) and attempt_count = 1 and not is_claimed`,
          [tokenIds],
        );
        return row!.waiting === tokenIds.length;
      };
      return { reached: async () => void (await waitUntil(waits)), release: async () => {} };
    },
  },
];

/** Kills the worker at this point. A new worker completes the tokens after the lease has expired. Returns the new worker. */
export async function killAt(
  test: CrashTest,
  api: string,
  worker: ServiceProcess,
  killPoint: KillPoint,
): Promise<ServiceProcess> {
  const project = await test.aProject(5);
  // Suspended, so that it claims the tokens only after the preparation.
  worker.process.kill('SIGSTOP');
  test.scriptNumberedResponses(project.tokenIds);
  await test.request(api, project, project.tokenIds);
  const breakpoint = await killPoint.prepare(test, project.tokenIds);
  worker.process.kill('SIGCONT');
  await breakpoint.reached();
  await worker.end('SIGKILL');
  await breakpoint.release();

  const successor = await test.startProcess('worker');
  await test.expireLeases();
  await test.expectAllDone();
  return successor;
}

const COMMITS = { claim: 1, finish: 2, accept: 3, reveal: 4 };

/** Blocks commits of this kind until the lock is released. Needs `installCommitTriggers`. */
export function blockCommits(test: CrashTest, kind: keyof typeof COMMITS): Promise<HeldLock> {
  return test.holdLock('select pg_advisory_xact_lock($1)', [COMMITS[kind]]);
}

/**
 * Installs deferred triggers, which run during the commit. They wait for an advisory lock that a test may hold. So a test can kill a
 * process after it has sent "commit" and before it receives the confirmation.
 */
export async function installCommitTriggers({ database }: CrashTest): Promise<void> {
  await database.query(`
    create function test_monitor.wait() returns trigger language plpgsql as $$
      begin
        perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint);
        return null;
      end
    $$;
    create constraint trigger claim_commits after update on nft_metadata.refresh_chunks deferrable initially deferred
      for each row when (new.claim_count > old.claim_count) execute function test_monitor.wait(${COMMITS.claim});
    create constraint trigger finish_commits after insert on nft_metadata.refresh_results deferrable initially deferred
      for each row execute function test_monitor.wait(${COMMITS.finish});
    create constraint trigger accept_commits after insert on nft_metadata.refreshes deferrable initially deferred
      for each row execute function test_monitor.wait(${COMMITS.accept});
    create constraint trigger reveal_commits after update on nft_metadata.reveals deferrable initially deferred
      for each row when (new.state <> old.state) execute function test_monitor.wait(${COMMITS.reveal});`);
}
