import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import {
  TokenStore,
  VersionStore,
  type Collection,
  type HoldEnd,
  type MetadataChange,
  type MetadataWrite,
  type TokenReference,
  type WriteResult,
} from '@app/token-store';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { sql } from 'kysely';
import { EventOutbox } from './event-outbox.js';
import { InvalidHold, TokensNotFound } from './metadata-refresh.errors.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { toLocation } from './refresh-source.js';
import { timeOrderedUuid } from './time-ordered-uuid.js';
import { TokenVersions } from './token-versions.js';
import { NO_VERDICTS, VERDICTS } from './verdict.js';

/** A version of a token that its record is to show again. */
export interface RestoredVersion {
  collection: Collection;
  tokenId: string;
  version: number;
  /** Refreshes do not overwrite the record before. Absent: a hold stays as it is. */
  holdUntil?: HoldEnd | undefined;
}

/** What a restore has written. */
export interface Restoration {
  /** The refresh that stands for it, completed, with the trigger `restore`. */
  refreshId: string;
  /** `unchanged`: the record shows the content of this version already. */
  verdict: 'updated' | 'unchanged';
  /** The version that the record has now. */
  metadataVersion: number;
}

/**
 * Writes the document of an earlier version again, as a new version: normalised as today, with a fetch number of its own, so that
 * fetches that are running are superseded, and without validators, because a 304 must not speak of another document. It is a refresh of
 * one token that is completed at once.
 */
@Injectable()
export class TokenRestore {
  private readonly logger = new Logger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
    private readonly store: VersionStore,
    private readonly versions: TokenVersions,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  /**
   * `admit` is a last condition, inside the transaction: what it throws undoes the restore. Throws TokensNotFound, VersionNotFound,
   * VersionNotKept, InvalidHold, VersionsNotSupported; then nothing was written.
   */
  async restore(
    { collection, tokenId, version, holdUntil }: RestoredVersion,
    admit?: (em: EntityManager) => Promise<void>,
  ): Promise<Restoration> {
    const token = { collectionId: collection.id, tokenId };
    const stored = await this.versions.get(token, version);
    const metadata = {
      ...(await this.versions.normalize({ collection, tokenId }, stored)),
      warnings: [...stored.warnings],
    };
    const refreshId = timeOrderedUuid();

    const restoration = await inTransaction(this.em, async (em) => {
      // Before the number is drawn: no other fetch with a larger one can be written in between.
      await this.tokens.lockTokens(em, [token]);
      const write: MetadataWrite = {
        ...token,
        fetchSeq: await nextFetchSeq(em),
        metadata,
        metadataUrl: '',
        metadataSource: toLocation(collection).kind,
        refreshId,
        trigger: 'restore',
      };
      const { result, metadataVersion, changes } = await this.write(em, write);
      if (result === 'missing') throw new TokensNotFound([tokenId]);
      await this.hold(em, token, holdUntil);
      const verdict = result === 'changed' ? 'updated' : 'unchanged';
      await saveRefresh(em, { id: refreshId, collection, tokenId, version, verdict, metadataVersion });
      const { id: collectionId, projectId } = collection;
      const counts = { total: 1, succeeded: 1, failed: 0, cancelled: 0, verdicts: { ...NO_VERDICTS, [verdict]: 1 } };
      await this.outbox?.add(em, {
        changes: changes.map((change) => ({ ...change, refreshIds: [refreshId] })),
        completions: [{ refreshId, projectId, collectionId, trigger: 'restore', ...counts }],
      });
      await admit?.(em);
      return { refreshId, verdict, metadataVersion } as const;
    });
    this.outbox?.announce();
    this.logger.log({
      msg: 'version restored',
      refreshId,
      projectId: collection.projectId,
      collectionAddress: collection.address,
      tokenId,
      version,
      metadataVersion: restoration.metadataVersion,
      ...(holdUntil !== undefined && { holdUntil }),
    });
    return restoration;
  }

  /** Returns whether there was one. */
  async endHold(token: TokenReference): Promise<boolean> {
    return (await this.store.endHolds(this.em.fork(), [token])) > 0;
  }

  private async hold(em: EntityManager, token: TokenReference, until: HoldEnd | undefined): Promise<void> {
    if (until === undefined) return;
    const isHeld = await this.store.hold(em, token, until);
    if (!isHeld && until !== 'forever') throw new InvalidHold(until);
  }

  private async write(
    em: EntityManager,
    write: MetadataWrite,
  ): Promise<{ result: WriteResult; metadataVersion: number; changes: MetadataChange[] }> {
    const changes: MetadataChange[] = [];
    let metadataVersion = 0;
    const [result] = await this.tokens.writeMetadata(em, [write], {
      withoutFetch: true,
      keepReplaced: keepsDocuments(this.config),
      onChange: (change) => void changes.push(change),
      onVersion: (_, version) => void (metadataVersion = version),
    });
    return { result: result!, metadataVersion, changes };
  }
}

async function nextFetchSeq(em: EntityManager): Promise<string> {
  const { rows } = await sql<{ seq: string }>`select nextval('nft_metadata.fetch_seq')::text as seq`.execute(
    em.getKysely(),
  );
  return rows[0]!.seq;
}

/** The refresh, completed, and its one result. */
async function saveRefresh(
  em: EntityManager,
  {
    id,
    collection,
    tokenId,
    version,
    verdict,
    metadataVersion,
  }: Omit<Restoration, 'refreshId'> & { id: string; collection: Collection; tokenId: string; version: number },
): Promise<void> {
  await sql`
    with result as (
      insert into nft_metadata.refresh_results (refresh_id, finished_at, metadata_version, attempts, verdict, token_id)
      values (${id}::uuid, now(), ${metadataVersion}::int, 0, ${VERDICTS[verdict]}::"char", ${tokenId}::numeric)
    )
    insert into nft_metadata.refreshes
      (id, project_id, collection_id, collection_address, source, trigger, trigger_detail, total, succeeded, unchanged,
        created_at, completed_at)
    values (
      ${id}::uuid, ${collection.projectId}, ${collection.id}::uuid, ${collection.address},
      ${JSON.stringify(toLocation(collection))}::jsonb, 'restore', ${JSON.stringify({ version })}::jsonb, 1, 1,
      ${verdict === 'unchanged' ? 1 : 0}::int, now(), now()
    )`.execute(em.getKysely());
}
