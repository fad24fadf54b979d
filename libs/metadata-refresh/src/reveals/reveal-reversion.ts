import { setImmediate as nextTurn } from 'node:timers/promises';
import { inTransaction } from '@app/database';
import {
  Collections,
  StagingStore,
  TokenStore,
  VersionStore,
  type Collection,
  type HoldEnd,
  type KeptDocument,
  type MetadataWrite,
  type RevealedVersion,
  type StoredToken,
} from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { sql } from 'kysely';
import { insertResults, type TokenResult } from '../completion/chunk-results.js';
import { EventOutbox, type RecordedCompletion } from '../event-outbox.js';
import { nextFetchSeq } from '../fetch-seq.js';
import { NOT_REGISTERED } from '../completion/token-error.js';
import { CollectionNotFound } from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { insertRefresh } from '../admission/new-refresh.js';
import { countResults, type ResultCount } from '../completion/refresh-progress.js';
import { toLocation, toStoredSource } from '../queue/refresh-source.js';
import { retried } from '../retried-transaction.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { TokenVersions } from '../versions/token-versions.js';
import { VERDICTS } from '../verdict.js';
import type { Written } from '../completion/written-records.js';
import { RevealReader, type RevealRow } from './reveal-reader.js';
import { beginJob, PAGE_SIZE, RecordPages } from './reveal-records.js';
import type { RevertOutcome } from './reveal.js';

/** Documents that are normalised before other work of the process has a turn. */
const TURN_SIZE = 100;

/** What becomes of a token that the reveal has changed. */
type Fate = keyof RevertOutcome;

const VERDICT_OF: Readonly<Record<Fate, TokenResult['verdict']>> = {
  restored: VERDICTS.updated,
  changedSince: VERDICTS.superseded,
  noEarlierVersion: VERDICTS.unchanged,
  notKept: VERDICTS.unchanged,
  missing: VERDICTS.failed,
};

/** A revert inside its transaction. */
interface OpenRevert {
  em: EntityManager;
  reveal: RevealRow;
  collection: Collection;
  refreshId: string;
  /** Of all its writes: fetches that were claimed before are superseded. */
  fetchSeq: string;
  pages: RecordPages;
}

/**
 * Reverts published reveals: the documents that a reveal has replaced are written again, as new versions, all in one transaction, like the
 * publication. A record that has changed since stays as it is, and so does one that had no metadata before. It is a refresh with the
 * trigger `restore` that is completed at once: its receipt says what became of each token.
 */
@Injectable()
export class RevealReversion {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly reader: RevealReader,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly store: VersionStore,
    private readonly versions: TokenVersions,
    private readonly staging: StagingStore,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /**
   * Returns whether it is reverted by this call: false if another process is reverting it, or has. Throws CollectionNotFound, and what the
   * database throws; then nothing was written.
   */
  async revert(revealId: string): Promise<boolean> {
    const startedAt = performance.now();
    const { collectionId, collectionAddress } = await this.reader.get({ revealId });
    const collection = await this.collections.find(collectionId);
    if (!collection) throw new CollectionNotFound(collectionAddress);
    const reverted = await retried(() => inTransaction(this.em, (em) => this.attempt(em, revealId, collection)));
    if (!reverted) return false;
    this.outbox?.announce();
    const { refreshId, outcome } = reverted;
    const { projectId } = reverted.reveal;
    const durationMs = Math.round(performance.now() - startedAt);
    this.logger.log({
      msg: 'reveal reverted',
      revealId,
      refreshId,
      projectId,
      collectionAddress,
      ...outcome,
      durationMs,
    });
    return true;
  }

  private async attempt(em: EntityManager, revealId: string, collection: Collection) {
    const reveal = await beginJob(em, this.reader, revealId, 'revert');
    if (!reveal) return null;
    const { tokens, config, outbox } = this;
    const pages = new RecordPages(em, { tokens, config, outbox }, { withoutFetch: true });
    // The content is locked: no other write of its records can have a larger number.
    const fetchSeq = await nextFetchSeq(em);
    const refreshId = timeOrderedUuid();
    const { outcome, completions } = await this.write({ em, reveal, collection, refreshId, fetchSeq, pages });
    await saveOutcome(em, revealId, refreshId, outcome);
    const { projectId, collectionId, total, staged } = reveal;
    const event = {
      revealId,
      refreshId: reveal.refreshId,
      projectId,
      collectionId,
      total,
      staged,
      revertRefreshId: refreshId,
      ...outcome,
    };
    await outbox?.add(em, { completions, reveals: [{ type: 'reveal.reverted', ...event }] });
    return { reveal, refreshId, outcome };
  }

  /** The order of locks: records, trait counts, and at last the refresh. */
  private async write(open: OpenRevert): Promise<{ outcome: RevertOutcome; completions: RecordedCompletion[] }> {
    const { em, reveal, collection, refreshId, pages } = open;
    const outcome: RevertOutcome = { restored: 0, changedSince: 0, noEarlierVersion: 0, notKept: 0, missing: 0 };
    const counts: ResultCount[] = [];
    for (let after: string | null = null; ;) {
      const { id: revealId, collectionId } = reveal;
      const revealed = await this.staging.pageRevealed(em, { revealId, collectionId, after, limit: PAGE_SIZE });
      if (revealed.length === 0) break;
      for (const { fate, result } of await this.writePage(open, revealed)) {
        outcome[fate] += 1;
        const { tokenId, verdict, error } = result;
        counts.push({ refreshId, verdict, ...(error && { failure: { tokenId, error } }) });
      }
      after = revealed.at(-1)!.tokenId;
    }
    await pages.finish();
    const refresh = {
      id: refreshId,
      projectId: reveal.projectId,
      collection,
      source: toStoredSource(collection),
      trigger: 'restore',
      triggerDetail: { revealId: reveal.id },
      // It is a receipt: nothing waits in the queue.
      traceparent: null,
    } as const;
    await insertRefresh(refresh, counts.length).execute(em.getKysely());
    return { outcome, completions: await countResults(em, counts) };
  }

  private async writePage(
    open: OpenRevert,
    revealed: readonly RevealedVersion[],
  ): Promise<{ fate: Fate; result: TokenResult }[]> {
    const { em, collection, refreshId, reveal } = open;
    const references = revealed.map(({ tokenId }) => ({ collectionId: collection.id, tokenId }));
    await this.tokens.lockTokens(em, references);
    const stored = new Map((await this.tokens.findStored(references, em)).map((token) => [token.tokenId, token]));
    const wanted = revealed.flatMap(({ tokenId, version, earlier }) =>
      earlier && stored.get(tokenId)?.metadataVersion === version ? [{ stored: stored.get(tokenId)!, earlier }] : [],
    );
    const writes = await this.toWrites(open, wanted);
    const records = await open.pages.write(writes);
    const written = new Map(writes.map(({ tokenId }, index) => [tokenId, records[index]!]));
    await this.hold(em, writes, reveal.revertHoldUntil);

    const fates = revealed.map((version) => {
      const { tokenId } = version;
      const token = stored.get(tokenId);
      const fate = fateOf(version, token, written.get(tokenId));
      const error = fate === 'missing' ? NOT_REGISTERED : null;
      const metadataVersion = written.get(tokenId)?.version ?? token?.metadataVersion ?? null;
      return { fate, result: { refreshId, tokenId, verdict: VERDICT_OF[fate], metadataVersion, attempts: 0, error } };
    });
    await insertResults(
      em,
      fates.map(({ result }) => result),
    );
    return fates;
  }

  /** Normalised as today. No validators: a later fetch must not be told that the document of the reveal has not been modified. */
  private async toWrites(
    { collection, refreshId, fetchSeq }: OpenRevert,
    wanted: readonly { stored: StoredToken; earlier: KeptDocument }[],
  ): Promise<MetadataWrite[]> {
    const writes: MetadataWrite[] = [];
    for (const { stored, earlier } of wanted) {
      const { tokenId, known } = stored;
      const normalized = await this.versions.normalize({ collection, tokenId }, earlier);
      writes.push({
        collectionId: collection.id,
        tokenId,
        fetchSeq,
        metadata: { ...normalized, warnings: [...earlier.warnings] },
        metadataUrl: '',
        metadataSource: earlier.isPushed ? 'pushed' : toLocation(collection).kind,
        refreshId,
        trigger: 'restore',
        known,
      });
      if (writes.length % TURN_SIZE === 0) await nextTurn();
    }
    return writes;
  }

  /** A time that has passed meanwhile holds nothing. */
  private async hold(em: EntityManager, writes: readonly MetadataWrite[], until: HoldEnd | null): Promise<void> {
    if (until !== null && writes.length > 0) await this.store.hold(em, writes, until);
  }
}

function fateOf({ version }: RevealedVersion, token?: StoredToken, written?: Written): Fate {
  if (written?.result === 'changed' || written?.result === 'unchanged') return 'restored';
  if (!token || written?.result === 'missing') return 'missing';
  if (token.metadataVersion !== version || written) return 'changedSince';
  return version === 1 ? 'noEarlierVersion' : 'notKept';
}

/** What was recorded of its versions is deleted afterwards, in short statements. */
async function saveOutcome(
  em: EntityManager,
  revealId: string,
  refreshId: string,
  outcome: RevertOutcome,
): Promise<void> {
  await sql`
    update nft_metadata.reveals
    set state = 'reverted', job = null, due_at = now(), failures = 0, reverted_at = now(), revert_refresh_id = ${refreshId}::uuid,
      revert_outcome = ${JSON.stringify(outcome)}::jsonb
    where id = ${revealId}::uuid`.execute(em.getKysely());
}
