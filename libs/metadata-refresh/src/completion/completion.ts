import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Injectable } from '@nestjs/common';
import { stillClaimed } from './chunk-results.js';
import type { ItemResult } from './item-result.js';
import { RefreshQueue } from '../queue/refresh-queue.js';
import { mayRetry } from '../retried-transaction.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { ClaimLost, CompletionTransaction, ContentLocked } from './completion-transaction.js';
import { WITHOUT_FETCH } from './finished-token.js';

const NOT_STORABLE = { errorCode: 'unable_to_decode_response', reason: 'not_storable', statusCode: 200 } as const;
/** Of a batch that lost chunks to others, was the victim of a deadlock, or was refused late by the token store. */
const MAX_TRIES = 10;

/**
 * Completes batches of results: repeats the transaction of a batch without the tokens that this worker lost and without
 * those of collections that are locked, and halves a batch that the database rejects until it has the token whose row is at fault.
 */
@Injectable()
export class Completion {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly transaction: CompletionTransaction,
    private readonly queue: RefreshQueue,
    private readonly metrics: WorkerMetrics,
  ) {}

  async complete(results: readonly ItemResult[]): Promise<void> {
    try {
      await this.completeClaimed(results);
    } catch (error) {
      if (!isRejection(error)) throw error;
      await this.completeInHalves(results, error);
    }
  }

  /** Writes the results of tokens that this worker still holds. */
  private async completeClaimed(results: readonly ItemResult[]): Promise<void> {
    let claimed = results;
    for (let attempt = 1; claimed.length > 0; attempt += 1) {
      try {
        return await this.transaction.run(claimed);
      } catch (error) {
        const isFenced = error instanceof ClaimLost;
        const isLocked = error instanceof ContentLocked;
        if (attempt === MAX_TRIES || !(isFenced || isLocked || mayRetry(error))) throw error;
        if (isFenced) claimed = await this.withoutLost(claimed);
        if (isLocked) claimed = await this.withoutLocked(claimed, error.free);
      }
    }
  }

  /**
   * Releases the tokens of collections whose records are being replaced together: they are claimed and fetched again afterwards. Others do
   * not wait for that, however long it takes.
   */
  private async withoutLocked(results: readonly ItemResult[], free: ReadonlySet<string>): Promise<ItemResult[]> {
    const locked = results.filter(({ token }) => !free.has(token.collectionId));
    await this.queue.release([...new Set(locked.map(({ token }) => token))]);
    this.logger.log({ msg: 'tokens released; their collection is being revealed', tokens: locked.length });
    return results.filter(({ token }) => free.has(token.collectionId));
  }

  private async withoutLost(results: readonly ItemResult[]): Promise<ItemResult[]> {
    const written = results.map((result) => ({ ...result.item, tokenId: result.token.tokenId, result }));
    const claimed = await stillClaimed(this.em.fork(), written);
    this.metrics.recordDropped(results.length - claimed.length);
    this.logger.warn({ msg: 'claim lost; results dropped', tokens: results.length - claimed.length });
    return claimed.map(({ result }) => result);
  }

  /**
   * The database rejects a row that should not have got this far: halve the batch, so that only the token of that row is
   * affected. Without any text of the host it fails as `not_storable`, or is retried as it was to be. If that is rejected as well,
   * its result is dropped: it is due again when the lease expires, and fails after `maxLostClaims` such leases.
   */
  private async completeInHalves(results: readonly ItemResult[], rejection: Error): Promise<void> {
    if (results.length > 1) {
      const half = Math.ceil(results.length / 2);
      await this.complete(results.slice(0, half));
      await this.complete(results.slice(half));
      return;
    }
    const result = results[0]!;
    this.logNotStorable('database rejected the response', result, rejection);
    try {
      await this.completeClaimed([withoutTextOfHost(result)]);
    } catch (error) {
      if (!isRejection(error)) throw error;
      this.logNotStorable('database rejected the result; the token is due when its lease expires', result, error);
    }
  }

  private logNotStorable(msg: string, { item, token }: ItemResult, rejection: Error): void {
    this.logger.error({ msg, refreshId: item.refreshId, tokenId: token.tokenId, error: rejection.message });
  }
}

function withoutTextOfHost(result: ItemResult): ItemResult {
  const { item, token, status } = result;
  if (status === 'retry' || WITHOUT_FETCH.has(status)) return { ...result, requests: [] };
  const failure = status === 'failed' ? result.error : NOT_STORABLE;
  return { item, token, requests: [], status: 'failed', error: { ...failure, metadataUrl: '', body: null } };
}

/**
 * SQLSTATE classes 22 (data exception), 23 (constraint violation), 54 (program limit exceeded) and P0 (raised by a trigger): the
 * fault of a row, which no retry changes.
 */
function isRejection(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|23|54|P0)/.test(code);
}
