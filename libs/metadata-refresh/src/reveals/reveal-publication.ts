import { inTransaction } from '@app/database';
import {
  StagingStore,
  TokenStore,
  VersionStore,
  type MetadataWrite,
  type StagedDocument,
  type WriteResult,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { sql } from 'kysely';
import { EventOutbox } from '../event-outbox.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { retried } from '../retried-transaction.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import { beginJob, PAGE_SIZE, RecordPages } from './reveal-records.js';
import type { RevealOutcome } from './reveal.js';

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
        const reveal = await beginJob(em, this.reader, revealId, 'publish');
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

  private async write(em: EntityManager, { id: revealId, collectionId }: RevealRow): Promise<RevealOutcome> {
    const outcome: RevealOutcome = { updated: 0, unchanged: 0, superseded: 0, missing: 0 };
    const { tokens, config, outbox } = this;
    const pages = new RecordPages(em, { tokens, config, outbox });
    for (let after: string | null = null; ;) {
      const documents = await this.staging.page(em, { revealId, collectionId, after, limit: PAGE_SIZE });
      if (documents.length === 0) break;
      const written = await pages.write(await this.toWrites(em, documents));
      for (const { result } of written) outcome[OUTCOME_OF[result]] += 1;
      const versions = written.flatMap(({ result, version }, index) =>
        result === 'changed' && version !== null ? [{ tokenId: documents[index]!.tokenId, version }] : [],
      );
      await this.staging.recordRevealed(em, revealId, versions);
      after = documents.at(-1)!.tokenId;
    }
    await pages.finish();
    return outcome;
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

/** Its documents are deleted afterwards, in short statements. */
async function saveOutcome(em: EntityManager, revealId: string, outcome: RevealOutcome): Promise<void> {
  const { updated, unchanged, superseded, missing } = outcome;
  await sql`
    update nft_metadata.reveals
    set state = 'published', job = null, ended_at = now(), due_at = now(), failures = 0, blocked_at = null, blocked_reason = null,
      updated = ${updated}::int, unchanged = ${unchanged}::int, superseded = ${superseded}::int, missing = ${missing}::int
    where id = ${revealId}::uuid`.execute(em.getKysely());
}
