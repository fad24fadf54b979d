import { inTransaction, raiseStatementTimeout } from '@app/database';
import {
  StagingStore,
  TokenStore,
  VersionStore,
  type MetadataChange,
  type MetadataWrite,
  type StagedDocument,
  type WriteResult,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { sql } from 'kysely';
import { lockContent } from '../content-lock.js';
import { EventOutbox } from '../event-outbox.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { doDeferred, retried } from '../retried-transaction.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import type { RevealOutcome } from './reveal.js';

/** Documents that one statement reads and writes. */
const PAGE_SIZE = 2000;
/** Changes of one row of the outbox, as a completion writes them. */
const EVENTS_PER_ROW = 500;
/** Of one statement, or of the pause between two. */
const STATEMENT_TIMEOUT_SECONDS = 14;
const IDLE_TIMEOUT = '60s';

const OUTCOME_OF: Readonly<Record<WriteResult, keyof RevealOutcome>> = {
  changed: 'updated',
  unchanged: 'unchanged',
  superseded: 'superseded',
  // A fetch with a document is never one of these; the record would stay as it is.
  held: 'superseded',
  outdated: 'superseded',
  missing: 'missing',
};

/**
 * Publishes reveals: all records, versions, traits, counts and events in one transaction, so that readers see the old collection until
 * its commit and the new one afterwards. It holds the content lock of the collection, so no other writer of its records comes in between:
 * completions release its tokens, claims pass over it, restores and pushes wait.
 */
@Injectable()
export class RevealPublication {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly reader: RevealReader,
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    private readonly staging: StagingStore,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /**
   * Returns whether it is published by this call: false if another process is publishing it, or has. Throws what the database throws; then
   * nothing was written.
   */
  async publish(revealId: string): Promise<boolean> {
    const startedAt = performance.now();
    const published = await retried(() =>
      inTransaction(this.em, async (em) => {
        await limitTransaction(em);
        const reveal = await this.lock(em, revealId);
        if (!reveal) return null;
        const outcome = await this.write(em, reveal);
        await saveOutcome(em, revealId, outcome);
        const { refreshId, projectId, collectionId, total, staged } = reveal;
        const event = { revealId, refreshId, projectId, collectionId, total, staged, ...outcome };
        await this.outbox?.add(em, { reveals: [{ type: 'reveal.published', ...event }] });
        return { reveal, outcome };
      }),
    );
    if (!published) return false;
    this.outbox?.announce();
    const { projectId, collectionAddress } = published.reveal;
    const durationMs = Math.round(performance.now() - startedAt);
    this.logger.log({
      msg: 'reveal published',
      revealId,
      projectId,
      collectionAddress,
      ...published.outcome,
      durationMs,
    });
    return true;
  }

  /** One process at a time; then the content, before any row. The row of the reveal stays free: its job keeps it as it is. */
  private async lock(em: EntityManager, revealId: string): Promise<RevealRow | null> {
    if (!(await tryLockJob(em, revealId))) return null;
    const reveal = await this.reader.get({ revealId }, em);
    if (reveal.job !== 'publish') return null;
    await lockContent(em, reveal.collectionId);
    return reveal;
  }

  /** Page by page in the order of token ids, which is the order of locks everywhere. */
  private async write(em: EntityManager, { id: revealId, collectionId }: RevealRow): Promise<RevealOutcome> {
    const outcome: RevealOutcome = { updated: 0, unchanged: 0, superseded: 0, missing: 0 };
    const late: (() => Promise<void>)[] = [];
    const defer = (work: () => Promise<void>) => void late.push(work);
    for (let after: string | null = null; ;) {
      const documents = await this.staging.page(em, { revealId, collectionId, after, limit: PAGE_SIZE });
      if (documents.length === 0) break;
      const results = await this.writePage(em, documents, defer);
      for (const result of results) outcome[OUTCOME_OF[result]] += 1;
      after = documents.at(-1)!.tokenId;
    }
    // Once for all pages, because these rows are locked in the order of their ids.
    await doDeferred(late);
    return outcome;
  }

  private async writePage(
    em: EntityManager,
    documents: readonly StagedDocument[],
    defer: (work: () => Promise<void>) => void,
  ): Promise<WriteResult[]> {
    const changes: (MetadataChange & { refreshIds: string[] })[] = [];
    const versions: { tokenId: string; version: number }[] = [];
    const refreshOf = new Map(documents.map(({ tokenId, refreshId }) => [tokenId, refreshId]));
    const numbers = new Map<MetadataWrite, number>();
    const writes = await this.toWrites(em, documents);
    const results = await this.tokens.writeMetadata(em, writes, {
      keepReplaced: keepsDocuments(this.config),
      onChange: (change) => void changes.push({ ...change, refreshIds: [refreshOf.get(change.tokenId)!] }),
      onVersion: (write, version) => void numbers.set(write, version),
      defer,
    });
    for (const [index, write] of writes.entries()) {
      const version = numbers.get(write);
      if (results[index] === 'changed' && version !== undefined) versions.push({ tokenId: write.tokenId, version });
    }
    await this.staging.recordRevealed(em, documents[0]!.revealId, versions);
    for (let at = 0; at < changes.length; at += EVENTS_PER_ROW) {
      await this.outbox?.add(em, { changes: changes.slice(at, at + EVENTS_PER_ROW) });
    }
    return results;
  }

  /** Their records are locked. Holds that are older than the documents end. */
  private async toWrites(em: EntityManager, documents: readonly StagedDocument[]): Promise<MetadataWrite[]> {
    await this.tokens.lockTokens(em, documents);
    const stored = await this.tokens.findStored(documents, em);
    const fetchSeqs = new Map(documents.map(({ tokenId, fetchSeq }) => [tokenId, BigInt(fetchSeq)]));
    const held = stored.filter(
      ({ keptAs, tokenId, lastFetchSeq = '0' }) => keptAs === 'held' && BigInt(lastFetchSeq) <= fetchSeqs.get(tokenId)!,
    );
    if (held.length > 0) await this.versions.dropHolds(em, held);
    const wereHeld = new Set(held.map(({ tokenId }) => tokenId));
    const known = new Map(
      stored.flatMap((token) => (wereHeld.has(token.tokenId) ? [] : [[token.tokenId, token.known]])),
    );
    return documents.map((document) => ({ ...document, trigger: 'reveal', known: known.get(document.tokenId) }));
  }
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

/** Its documents are deleted afterwards, in short statements. */
async function saveOutcome(em: EntityManager, revealId: string, outcome: RevealOutcome): Promise<void> {
  const { updated, unchanged, superseded, missing } = outcome;
  await sql`
    update nft_metadata.reveals
    set state = 'published', job = null, ended_at = now(), due_at = now(), failures = 0, blocked_at = null, blocked_reason = null,
      updated = ${updated}::int, unchanged = ${unchanged}::int, superseded = ${superseded}::int, missing = ${missing}::int
    where id = ${revealId}::uuid`.execute(em.getKysely());
}
