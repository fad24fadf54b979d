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
import { traceparentOf } from '@app/tracing';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { insertResults } from '../completion/chunk-results.js';
import { shareContent } from '../completion/content-lock.js';
import { writeRecords } from '../completion/written-records.js';
import { EventOutbox } from '../event-outbox.js';
import { nextFetchSeq } from '../fetch-seq.js';
import { InvalidHold, TokensNotFound } from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { insertRefresh } from '../admission/new-refresh.js';
import { countResults } from '../completion/refresh-progress.js';
import { inAcceptanceSpan, setAccepted } from '../refresh-trace.js';
import { toLocation, toStoredSource } from '../queue/refresh-source.js';
import { doDeferred, retried } from '../retried-transaction.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { TokenVersions } from './token-versions.js';
import { VERDICTS } from '../verdict.js';

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

/** What was written of the record. */
interface Written {
  result: WriteResult;
  metadataVersion: number;
  changes: MetadataChange[];
  /** What the store wants to do late. */
  late: (() => Promise<void>)[];
}

/**
 * Writes the document of an earlier version again, as a new version: normalised as today, with a fetch number of its own, so that
 * fetches that are running are superseded, and without validators, because a 304 must not speak of another document. It is a refresh of
 * one token that is completed at once.
 */
@Injectable()
export class TokenRestore {
  private readonly logger = new ModuleLogger('MetadataRefresh');

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
  restore(version: RestoredVersion, admit?: (em: EntityManager) => Promise<void>): Promise<Restoration> {
    const { projectId, address } = version.collection;
    const of = { projectId, collectionAddress: address, trigger: 'restore' as const };
    return inAcceptanceSpan(of, async (span) => {
      const restoration = await this.restoreTraced(version, traceparentOf(span), admit);
      setAccepted(span, restoration.refreshId, 1);
      return restoration;
    });
  }

  private async restoreTraced(
    { collection, tokenId, version, holdUntil }: RestoredVersion,
    traceparent: string | null,
    admit: ((em: EntityManager) => Promise<void>) | undefined,
  ): Promise<Restoration> {
    const token = { collectionId: collection.id, tokenId };
    const stored = await this.versions.get(token, version);
    const metadata = {
      ...(await this.versions.normalize({ collection, tokenId }, stored)),
      warnings: [...stored.warnings],
    };
    const refreshId = timeOrderedUuid();
    const write = await this.prepare({
      ...token,
      metadata,
      metadataUrl: '',
      metadataSource: stored.isPushed ? 'pushed' : toLocation(collection).kind,
      refreshId,
      trigger: 'restore',
    });

    const restoration = await retried(() =>
      inTransaction(this.em, async (em) => {
        await shareContent(em, collection);
        // Before the number is drawn: no other fetch with a larger one can be written in between.
        await this.tokens.lockTokens(em, [token]);
        const { result, metadataVersion, changes, late } = await this.write(em, {
          ...write,
          fetchSeq: await nextFetchSeq(em),
        });
        if (result === 'missing') throw new TokensNotFound([tokenId]);
        await this.hold(em, token, holdUntil);
        const verdict = result === 'changed' ? ('updated' as const) : ('unchanged' as const);
        const restored = { refreshId, verdict, metadataVersion };
        await saveRefresh(em, { ...restored, collection, tokenId, version, traceparent });
        await doDeferred(late);
        const completions = await countResults(em, [{ refreshId, verdict: VERDICTS[verdict] }]);
        const recorded = changes.map((change) => ({ ...change, refreshIds: [refreshId] }));
        await this.outbox?.add(em, { changes: recorded, completions });
        await admit?.(em);
        return restored;
      }),
    );
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
    const isHeld = await this.store.hold(em, [token], until);
    if (!isHeld && until !== 'forever') throw new InvalidHold(until);
  }

  /** Inserts what must be committed before the record is locked. */
  private async prepare(write: Omit<MetadataWrite, 'fetchSeq'>): Promise<Omit<MetadataWrite, 'fetchSeq'>> {
    const [stored] = await this.tokens.findStored([write]);
    const prepared = { ...write, known: stored?.known };
    await this.tokens.prepareWrites([{ ...prepared, fetchSeq: '0' }]);
    return prepared;
  }

  private async write(em: EntityManager, write: MetadataWrite): Promise<Written> {
    const late: (() => Promise<void>)[] = [];
    const { tokens, config, outbox } = this;
    const { written, changes } = await writeRecords(em, { tokens, config, outbox }, [write], {
      withoutFetch: true,
      defer: (work) => void late.push(work),
    });
    const { result, version } = written[0]!;
    return { result, metadataVersion: version ?? 0, changes, late };
  }
}

/** The refresh and its one result. */
async function saveRefresh(
  em: EntityManager,
  {
    refreshId,
    collection,
    tokenId,
    version,
    traceparent,
    ...result
  }: Restoration & Omit<RestoredVersion, 'holdUntil'> & { traceparent: string | null },
): Promise<void> {
  const { projectId } = collection;
  const source = toStoredSource(collection);
  const refresh = {
    id: refreshId,
    projectId,
    collection,
    source,
    trigger: 'restore',
    triggerDetail: { version },
    traceparent,
  } as const;
  await insertRefresh(refresh, 1).execute(em.getKysely());
  const verdict = VERDICTS[result.verdict];
  const { metadataVersion } = result;
  await insertResults(em, [{ refreshId, tokenId, verdict, metadataVersion, attempts: 0, error: null }]);
}
