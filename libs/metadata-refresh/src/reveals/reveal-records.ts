import { raiseStatementTimeout } from '@app/database';
import type { MetadataChange, MetadataWrite, WriteOptions } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import { lockContent } from '../completion/content-lock.js';
import { writeRecords, type RecordParts, type Written } from '../completion/written-records.js';
import type { RecordedChange } from '../event-outbox.js';
import { doDeferred } from '../retried-transaction.js';
import type { RevealReader, RevealRow } from './reveal-reader.js';

/** Tokens that one statement reads and writes. */
export const PAGE_SIZE = 2000;
/** Changes of one row of the outbox, as a completion writes them. */
const EVENTS_PER_ROW = 500;
/** Of one statement, or of the pause between two. */
const STATEMENT_TIMEOUT_SECONDS = 14;
const IDLE_TIMEOUT = '60s';

/**
 * Begins the transaction that writes all records of a reveal: one process at a time, and the content of the collection is locked before any
 * row. The row of the reveal stays free: its job keeps it as it is. null: another process has the job, or it is done.
 */
export async function beginJob(
  em: EntityManager,
  reader: RevealReader,
  revealId: string,
  job: NonNullable<RevealRow['job']>,
): Promise<RevealRow | null> {
  await limitTransaction(em);
  if (!(await tryLockJob(em, revealId))) return null;
  const reveal = await reader.get({ revealId }, em);
  if (reveal.job !== job) return null;
  await lockContent(em, reveal.collectionId);
  return reveal;
}

/** A process that hangs in here must not keep the collection for ever; a busy one may take its time between two statements. */
async function limitTransaction(em: EntityManager): Promise<void> {
  await sql`
    select set_config('jit', 'off', true), set_config('idle_in_transaction_session_timeout', ${IDLE_TIMEOUT}, true)`.execute(
    em.getKysely(),
  );
  await raiseStatementTimeout(em, STATEMENT_TIMEOUT_SECONDS);
}

async function tryLockJob(em: EntityManager, revealId: string): Promise<boolean> {
  const { rows } = await sql<{ isLocked: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended('nft_metadata.reveals job ' || ${revealId}::text, 0)) as "isLocked"`.execute(
    em.getKysely(),
  );
  return rows[0]!.isLocked;
}

/** Writes records page by page in one transaction, in the order of token ids, which is the order of locks everywhere. */
export class RecordPages {
  private readonly late: (() => Promise<void>)[] = [];
  /** The same for all pages, so that the store counts their traits together, and locks the rows of the counts in one order. */
  private readonly defer = (work: () => Promise<void>) => void this.late.push(work);

  constructor(
    private readonly em: EntityManager,
    private readonly parts: RecordParts,
    private readonly options: Pick<WriteOptions, 'withoutFetch'> = {},
  ) {}

  /** Records that the caller has locked, with their events. Results are in the order of the writes. */
  async write(writes: readonly MetadataWrite[]): Promise<Written[]> {
    const { em, parts, options, defer } = this;
    const { written, changes } = await writeRecords(em, parts, writes, { ...options, defer });
    await this.announce(writes, changes);
    return written;
  }

  /** The counts, on rows that other transactions want. Once for all pages, because they are locked in the order of their ids. */
  finish(): Promise<void> {
    return doDeferred(this.late);
  }

  private async announce(writes: readonly MetadataWrite[], changes: readonly MetadataChange[]): Promise<void> {
    const refreshOf = new Map(writes.map(({ tokenId, refreshId }) => [tokenId, refreshId]));
    const recorded = changes.map((change): RecordedChange => {
      return { ...change, refreshIds: [refreshOf.get(change.tokenId)!] };
    });
    for (let at = 0; at < recorded.length; at += EVENTS_PER_ROW) {
      await this.parts.outbox?.add(this.em, { changes: recorded.slice(at, at + EVENTS_PER_ROW) });
    }
  }
}
