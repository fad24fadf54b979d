import { EntityManager } from '@mikro-orm/postgresql';
import { TokenStore, type FailureWrite, type MetadataWrite, type WriteResult } from '@app/token-store';
import { Injectable, Logger } from '@nestjs/common';
import type { ItemResult } from './item-result.js';
import { RefreshQueue, type RefreshProgress } from './refresh-queue.js';

type Succeeded = Extract<ItemResult, { status: 'succeeded' }>;
type Failed = Extract<ItemResult, { status: 'failed' }>;

const NOT_STORABLE = { errorCode: 'unable_to_decode_response', reason: 'not_storable', statusCode: 200 } as const;

/**
 * Completes a batch of results in one transaction: item states and errors, token records with their traits, the
 * refreshes' counters. The locks are taken in one order, items, tokens, traits, refreshes, each by key: no deadlocks,
 * and the row that everybody wants is held shortest.
 */
@Injectable()
export class RefreshCompletion {
  private readonly logger = new Logger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly queue: RefreshQueue,
    private readonly tokens: TokenStore,
  ) {}

  async complete(results: readonly ItemResult[]): Promise<void> {
    try {
      await this.completeTogether(results);
    } catch (error) {
      if (!isDataException(error)) throw error;
      await this.completeApart(results, error);
    }
  }

  private async completeTogether(results: readonly ItemResult[]): Promise<void> {
    const progress = await this.em.fork().transactional(async (em) => {
      const finished = await this.queue.finish(em, results);
      const mine = new Set(finished.map(({ id }) => id));
      const { missing, outdated } = await this.writeTokens(
        em,
        results.filter(({ item }) => mine.has(item.id)),
      );
      await this.queue.coolDown(em, throttledLanes(results));
      const counted = finished.map((item) => (missing.has(item.id) ? { ...item, status: 'failed' as const } : item));
      return this.queue.count(
        em,
        counted.filter(({ id }) => !outdated.has(id)),
      );
    });
    this.logCompleted(progress);
  }

  /** Returns the ids of items whose token is no longer registered, and of those that have to be fetched again. */
  private async writeTokens(
    em: EntityManager,
    results: readonly ItemResult[],
  ): Promise<{ missing: Set<string>; outdated: Set<string> }> {
    const succeeded = results.filter((result): result is Succeeded => result.status === 'succeeded');
    const failed = results.filter((result): result is Failed => result.status === 'failed');

    // Both kinds lock token records: together in one order, or two batches could wait for each other.
    if (succeeded.length > 0 && failed.length > 0) {
      await this.tokens.lockTokens(
        em,
        results.map(({ item }) => item),
      );
    }
    const written = await this.tokens.writeMetadata(em, succeeded.map(toMetadataWrite));
    await this.tokens.recordFailures(em, failed.map(toFailureWrite));

    const idsOf = (ending: WriteResult) =>
      succeeded.filter((_, index) => written[index] === ending).map(({ item }) => item.id);
    const [missing, outdated] = [idsOf('missing'), idsOf('outdated')];
    if (missing.length > 0) await this.queue.failMissing(em, missing);
    if (outdated.length > 0) await this.queue.askAgain(em, outdated);
    return { missing: new Set(missing), outdated: new Set(outdated) };
  }

  /** The database refuses a value that we should not have let through: halve, so that only its own token fails. */
  private async completeApart(results: readonly ItemResult[], refusal: Error): Promise<void> {
    if (results.length > 1) {
      const half = Math.ceil(results.length / 2);
      await this.complete(results.slice(0, half));
      await this.complete(results.slice(half));
      return;
    }
    const [result] = results;
    if (!result || result.status === 'retry') throw refusal;
    const { item, fetchSeq } = result;
    this.logger.error({
      msg: 'an answer could not be stored',
      refreshId: item.refreshId,
      tokenId: item.tokenId,
      error: refusal.message,
    });
    const failure = result.status === 'failed' ? result.error : NOT_STORABLE;
    // Without anything that a stranger wrote.
    const error = { ...failure, metadataUrl: '', body: null };
    await this.completeTogether([{ item, fetchSeq, requests: [], status: 'failed', error }]);
  }

  private logCompleted(progress: readonly RefreshProgress[]): void {
    for (const { completed, ...fields } of progress) {
      if (completed) this.logger.log({ msg: 'refresh completed', ...fields });
    }
  }
}

function toMetadataWrite({ item, fetchSeq, url, metadata, validators }: Succeeded): MetadataWrite {
  return {
    collectionId: item.collectionId,
    tokenId: item.tokenId,
    fetchSeq,
    // Here the fetching side meets the store; the compiler checks that their shapes fit.
    metadata,
    metadataUrl: url,
    etag: validators.etag,
    lastModified: validators.lastModified,
    refreshId: item.refreshId,
  };
}

function toFailureWrite({ item, fetchSeq, error }: Failed): FailureWrite {
  return {
    collectionId: item.collectionId,
    tokenId: item.tokenId,
    fetchSeq,
    errorCode: error.errorCode,
    errorReason: error.reason,
    refreshId: item.refreshId,
  };
}

/** Lane to seconds: the longest pause that an answer of 429 asks for. */
function throttledLanes(results: readonly ItemResult[]): Map<number, number> {
  const lanes = new Map<number, number>();
  for (const result of results) {
    if (result.status !== 'retry' || !result.throttled) continue;
    lanes.set(result.item.laneId, Math.max(lanes.get(result.item.laneId) ?? 0, result.delaySeconds));
  }
  return lanes;
}

/** SQLSTATE classes 22 (data exception) and 54 (program limit exceeded): the value's fault, not the database's. */
function isDataException(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|54)/.test(code);
}
