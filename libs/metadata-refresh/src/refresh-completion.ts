import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import {
  TokenStore,
  type FailureWrite,
  type MetadataChange,
  type MetadataWrite,
  type TokenReference,
  type WriteResult,
} from '@app/token-store';
import { Injectable, Logger, Optional } from '@nestjs/common';
import { EventOutbox, type RecordedChange } from './event-outbox.js';
import type { ItemResult } from './item-result.js';
import { RefreshQueue, type RefreshProgress } from './refresh-queue.js';

type Succeeded = Extract<ItemResult, { status: 'succeeded' }>;
type Failed = Extract<ItemResult, { status: 'failed' }>;

const NOT_STORABLE = { errorCode: 'unable_to_decode_response', reason: 'not_storable', statusCode: 200 } as const;

/**
 * Completes a batch of results in one transaction: item states and errors, token records with their traits, the
 * refreshes' counters. Locks are taken in one order, items, tokens, traits, refreshes, each by key: this prevents
 * deadlocks, and the row with the most contention is locked for the shortest time.
 */
@Injectable()
export class RefreshCompletion {
  private readonly logger = new Logger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly queue: RefreshQueue,
    private readonly tokens: TokenStore,
    @Optional() private readonly outbox?: EventOutbox,
  ) {}

  async complete(results: readonly ItemResult[]): Promise<void> {
    try {
      await this.completeBatch(results);
    } catch (error) {
      if (!isDataException(error)) throw error;
      await this.completeInHalves(results, error);
    }
  }

  private async completeBatch(results: readonly ItemResult[]): Promise<void> {
    const written = results.filter((result): result is Succeeded => result.status === 'succeeded');
    await this.tokens.prepareWrites(written.map(toMetadataWrite));
    const progress = await inTransaction(this.em, async (em) => {
      const finished = await this.queue.finish(em, results);
      const ours = new Map(finished.map(({ id, claimCount }) => [id, claimCount]));
      const { missing, outdated, changes } = await this.writeTokens(
        em,
        results.filter(({ item }) => ours.get(item.id) === item.claimCount),
      );
      const counted = finished.map((item) => (missing.has(item.id) ? { ...item, status: 'failed' as const } : item));
      const counts = await this.queue.count(
        em,
        counted.filter(({ id }) => !outdated.has(id)),
      );
      // After the records are locked, so that the events of one token get ids in order.
      await this.outbox?.add(em, { changes, completions: counts.filter(({ completed }) => completed) });
      return counts;
    });
    this.outbox?.announce();
    this.logCompleted(progress);
  }

  /**
   * Returns the ids of items whose token is no longer registered, the ids of items that have to be fetched again, and, with
   * an outbox, the changes.
   */
  private async writeTokens(
    em: EntityManager,
    results: readonly ItemResult[],
  ): Promise<{ missing: Set<string>; outdated: Set<string>; changes: RecordedChange[] }> {
    const succeeded = byFetch(results.filter((result): result is Succeeded => result.status === 'succeeded'));
    const failed = byFetch(results.filter((result): result is Failed => result.status === 'failed'));

    // Both kinds lock token records: in one common order, or two batches could deadlock.
    if (succeeded.length > 0 && failed.length > 0) {
      await this.tokens.lockTokens(
        em,
        [...succeeded, ...failed].map(([{ token }]) => token),
      );
    }
    const changes: MetadataChange[] = [];
    const late: (() => Promise<void>)[] = [];
    const written = await this.tokens.writeMetadata(
      em,
      succeeded.map(([result]) => toMetadataWrite(result)),
      {
        onChange: this.outbox && ((change) => void changes.push(change)),
        defer: (work) => void late.push(work),
      },
    );
    // A fetch may be written in parts: count its failure once, with its first item.
    const first = failed.filter((same) => same.some(({ item, token }) => item === token.items[0]));
    await this.tokens.recordFailures(
      em,
      first.map(([result]) => toFailureWrite(result)),
    );

    const idsOf = (result: WriteResult) =>
      succeeded.filter((_, index) => written[index] === result).flatMap((same) => same.map(({ item }) => item.id));
    const [missing, outdated] = [idsOf('missing'), idsOf('outdated')];
    if (missing.length > 0) await this.queue.failMissing(em, missing);
    if (outdated.length > 0) await this.queue.requeue(em, outdated);
    const effective = succeeded.filter((_, index) => written[index] === 'changed');
    for (const work of late) await work();
    return { missing: new Set(missing), outdated: new Set(outdated), changes: withRefreshes(changes, effective) };
  }

  /** The database rejects a value that should not have got this far: halve the batch, so that only its own token fails. */
  private async completeInHalves(results: readonly ItemResult[], rejection: Error): Promise<void> {
    if (results.length > 1) {
      const half = Math.ceil(results.length / 2);
      await this.complete(results.slice(0, half));
      await this.complete(results.slice(half));
      return;
    }
    const [result] = results;
    if (!result || result.status === 'retry') throw rejection;
    const { item, token } = result;
    this.logger.error({
      msg: 'response not storable',
      refreshId: item.refreshId,
      tokenId: token.tokenId,
      error: rejection.message,
    });
    const failure = result.status === 'failed' ? result.error : NOT_STORABLE;
    // Without any text of the host.
    const error = { ...failure, metadataUrl: '', body: null };
    await this.completeBatch([{ item, token, requests: [], status: 'failed', error }]);
  }

  private logCompleted(progress: readonly RefreshProgress[]): void {
    for (const { completed, ...fields } of progress) {
      if (completed) this.logger.log({ msg: 'refresh completed', ...fields });
    }
  }
}

type OfOneFetch<Result> = [Result, ...Result[]];

/** Groups the results of each fetch: the record is written once for all of its items. */
function byFetch<Result extends ItemResult>(results: readonly Result[]): OfOneFetch<Result>[] {
  const fetches = new Map<string, OfOneFetch<Result>>();
  for (const result of results) {
    const known = fetches.get(result.token.fetchSeq);
    if (known) known.push(result);
    else fetches.set(result.token.fetchSeq, [result]);
  }
  return [...fetches.values()];
}

/** Adds the refreshes that waited for each change. */
function withRefreshes(
  changes: readonly MetadataChange[],
  fetches: readonly OfOneFetch<Succeeded>[],
): RecordedChange[] {
  const keyOf = ({ collectionId, tokenId }: TokenReference) => `${collectionId}/${tokenId}`;
  const refreshIds = new Map(fetches.map((same) => [keyOf(same[0].token), same.map(({ item }) => item.refreshId)]));
  return changes.map((change) => ({ ...change, refreshIds: refreshIds.get(keyOf(change)) ?? [] }));
}

function toMetadataWrite({ item, token, url, metadata, validators }: Succeeded): MetadataWrite {
  return {
    collectionId: token.collectionId,
    tokenId: token.tokenId,
    fetchSeq: token.fetchSeq,
    // The type of metadata-fetch has to fit that of token-store; the compiler checks it here.
    metadata,
    metadataUrl: url,
    metadataSource: token.source.kind,
    etag: validators.etag,
    lastModified: validators.lastModified,
    refreshId: item.refreshId,
    known: token.known,
  };
}

function toFailureWrite({ item, token, error }: Failed): FailureWrite {
  return {
    collectionId: token.collectionId,
    tokenId: token.tokenId,
    fetchSeq: token.fetchSeq,
    errorCode: error.errorCode,
    errorReason: error.reason,
    refreshId: item.refreshId,
  };
}

/** SQLSTATE classes 22 (data exception) and 54 (program limit exceeded): the value's fault, not the database's. */
function isDataException(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|54)/.test(code);
}
