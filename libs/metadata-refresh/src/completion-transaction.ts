import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import {
  TokenStore,
  type FailureWrite,
  type MetadataChange,
  type MetadataWrite,
  VersionStore,
  type TokenReference,
  type WriteResult,
} from '@app/token-store';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, Optional } from '@nestjs/common';
import {
  insertAttempts,
  insertResults,
  removeFromChunks,
  stillClaimed,
  type AttemptRow,
  type FinalToken,
  type FinishedToken,
} from './chunk-results.js';
import { tryShareContents } from './content-lock.js';
import { EventOutbox, type RecordedChange } from './event-outbox.js';
import type { ItemError, ItemResult } from './item-result.js';
import { keepsDocuments, METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from './metadata-refresh.options.js';
import { countResults, type RefreshProgress, type ResultCount } from './refresh-progress.js';
import { RefreshQueue } from './refresh-queue.js';
import { traceCompletions, traceSettlement } from './refresh-trace.js';
import { ResultCounts } from './result-counts.js';
import { doDeferred, mayRetry } from './retried-transaction.js';
import { RevealStaging, type StagedBatch } from './reveals/reveal-staging.js';
import { VERDICTS, type Verdict } from './verdict.js';
import { WorkerMetrics } from './worker-metrics.js';

type Succeeded = Extract<ItemResult, { status: 'succeeded' }>;
type Failed = Extract<ItemResult, { status: 'failed' }>;
type Held = Extract<ItemResult, { status: 'held' }>;

const NOT_STORABLE = { errorCode: 'unable_to_decode_response', reason: 'not_storable', statusCode: 200 } as const;
const NOT_REGISTERED: ItemError = {
  errorCode: 'token_not_found',
  reason: 'not_registered',
  metadataUrl: '',
  statusCode: null,
  body: null,
};
/** How the write of a token ended, and the version of its record, if the store tells it. */
interface Written {
  result: WriteResult;
  version: number | null;
}

/** Of a batch that lost chunks to others, was the victim of a deadlock, or was refused late by the token store. */
const MAX_TRIES = 10;
/** Results of tokens for which nothing was requested, and which are no failures. */
const WITHOUT_FETCH: ReadonlySet<ItemResult['status']> = new Set(['coalesced', 'held', 'superseded']);

/**
 * Writes a batch of results in one transaction: token records with their traits, attempts, chunks, results and errors, the
 * refreshes' counters, events. Locks are taken in this order everywhere, each by key: this prevents deadlocks, and the row
 * with the most contention is locked for the shortest time.
 *
 * The chunks are the fence: when one of them is no longer claimed by this worker, everything is rolled back, and the batch is
 * written again without the tokens of that chunk.
 */
@Injectable()
export class CompletionTransaction {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
    private readonly versions: VersionStore,
    private readonly staging: RevealStaging,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'keepVersions'>,
    private readonly queue: RefreshQueue,
    private readonly resultCounts: ResultCounts,
    private readonly metrics: WorkerMetrics,
    @Optional() private readonly outbox?: EventOutbox,
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
        return await this.completeBatch(claimed);
      } catch (error) {
        const isFenced = error instanceof ClaimLost;
        const isLocked = error instanceof ContentLocked;
        if (attempt === MAX_TRIES || !(isFenced || isLocked || mayRetry(error))) throw error;
        if (isFenced) claimed = await this.withoutLost(claimed);
        if (isLocked) claimed = await this.withoutLocked(claimed, error.free);
      }
    }
  }

  private async completeBatch(results: readonly ItemResult[]): Promise<void> {
    const startedAt = Date.now();
    const forRecords = results.filter(({ token }) => token.revealId === undefined);
    const succeeded = byFetch(forRecords.filter((result): result is Succeeded => result.status === 'succeeded'));
    const writes = succeeded.map(([result]) => toMetadataWrite(result));
    await this.tokens.prepareWrites(writes);
    const documents = await this.staging.prepare(results);
    const { progress, counted } = await inTransaction(this.em, async (em) => {
      await shareContents(em, results);
      const { written, changes, late } = await this.writeTokens(em, forRecords, succeeded, writes);
      const staged = await this.staging.stage(em, documents);
      const finished = results.map((result) =>
        result.token.revealId === undefined
          ? toFinishedToken(result, written.get(result.token))
          : toStagedToken(result, result.token.revealId, staged),
      );
      await insertAttempts(em, results.flatMap(toAttempts));
      if (!(await removeFromChunks(em, finished))) throw new ClaimLost();
      const final = finished.filter((token): token is FinalToken => token.kind === 'final');
      await insertResults(em, final);
      await doDeferred(late);
      const ended = final.map(toResultCount);
      const counts = await countResults(em, ended);
      await this.staging.count(em, staged);
      // After the records are locked, so that the events of one token get ids in order.
      await this.outbox?.add(em, { changes, completions: counts.filter(({ completed }) => completed) });
      return { progress: counts, counted: ended };
    });
    this.resultCounts.add(counted);
    this.resultCounts.addCompleted(progress);
    traceSettlement(results, startedAt);
    traceCompletions(progress);
    this.outbox?.announce();
    this.logCompleted(progress);
  }

  /** Returns how the write of each token ended, with an outbox the changes, and work of the store that is to be done late. */
  private async writeTokens(
    em: EntityManager,
    results: readonly ItemResult[],
    succeeded: readonly OfOneFetch<Succeeded>[],
    writes: readonly MetadataWrite[],
  ): Promise<{
    written: Map<ItemResult['token'], Written>;
    changes: RecordedChange[];
    late: (() => Promise<void>)[];
  }> {
    const failed = byFetch(results.filter((result): result is Failed => result.status === 'failed'));
    const held = byFetch(results.filter((result): result is Held => result.status === 'held'));

    // All kinds lock token records: in one common order, or two batches could deadlock.
    if ([succeeded, failed, held].filter(({ length }) => length > 0).length > 1) {
      await this.tokens.lockTokens(
        em,
        [...succeeded, ...failed, ...held].map(([{ token }]) => token),
      );
    }
    const changes: MetadataChange[] = [];
    const late: (() => Promise<void>)[] = [];
    const versions = new Map<MetadataWrite, number>();
    const written = await this.tokens.writeMetadata(em, writes, {
      onVersion: (write, version) => void versions.set(write, version),
      onChange: this.outbox && ((change) => void changes.push(change)),
      defer: (work) => void late.push(work),
      keepReplaced: keepsDocuments(this.config),
    });
    // A fetch may be written in parts: count its failure once, with its first item.
    const first = failed.filter((same) => same.some(({ item, token }) => item === token.items[0]));
    await this.tokens.recordFailures(
      em,
      first.map(([result]) => toFailureWrite(result)),
    );
    const effective = succeeded.filter((_, index) => written[index] === 'changed');
    const writtenByToken = new Map(
      succeeded.map(([{ token }], index): [ItemResult['token'], Written] => {
        return [token, { result: written[index]!, version: versions.get(writes[index]!) ?? null }];
      }),
    );
    for (const [{ token }] of held)
      writtenByToken.set(token, { result: 'held', version: token.metadataVersion ?? null });
    await this.requestAfterHold(em, writtenByToken);
    return {
      written: writtenByToken,
      changes: withRefreshes(changes, effective),
      late,
    };
  }

  /** Whose hold has ended meanwhile is due again at once, like a response about another version. */
  private async requestAfterHold(em: EntityManager, written: Map<ItemResult['token'], Written>): Promise<void> {
    const held = [...written].flatMap(([token, { result }]) => (result === 'held' ? [token] : []));
    if (held.length === 0) return;
    const stillHeld = new Set((await this.versions.requestAfterHold(em, held)).map(keyOf));
    for (const token of held) {
      if (!stillHeld.has(keyOf(token))) written.set(token, { result: 'outdated', version: null });
    }
  }

  /**
   * Releases the tokens of collections whose records are being replaced together: they are claimed and fetched again afterwards. Others do
   * not wait for that, however long it takes.
   */
  private async withoutLocked(results: readonly ItemResult[], free: ReadonlySet<string>): Promise<ItemResult[]> {
    const locked = results.filter(({ token }) => !free.has(token.collectionId));
    await this.queue.release([...new Set(locked.map(({ token }) => token))]);
    this.logger.log({ msg: 'tokens of a collection that is being revealed released', tokens: locked.length });
    return results.filter(({ token }) => free.has(token.collectionId));
  }

  private async withoutLost(results: readonly ItemResult[]): Promise<ItemResult[]> {
    const written = results.map((result) => ({ ...result.item, tokenId: result.token.tokenId, result }));
    const claimed = await stillClaimed(this.em.fork(), written);
    this.metrics.recordDropped(results.length - claimed.length);
    this.logger.warn({ msg: 'claim lost, results dropped', tokens: results.length - claimed.length });
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
    this.logNotStorable('response not storable', result, rejection);
    try {
      await this.completeClaimed([withoutTextOfHost(result)]);
    } catch (error) {
      if (!isRejection(error)) throw error;
      this.logNotStorable('result not storable, token is due when its lease expires', result, error);
    }
  }

  private logNotStorable(msg: string, { item, token }: ItemResult, rejection: Error): void {
    this.logger.error({ msg, refreshId: item.refreshId, tokenId: token.tokenId, error: rejection.message });
  }

  private logCompleted(progress: readonly RefreshProgress[]): void {
    for (const { completed, revealId: _, traceparent: __, ...fields } of progress) {
      if (completed) this.logger.log({ msg: 'refresh completed', ...fields });
    }
  }
}

/** Some tokens of the batch are no longer claimed by this worker. */
class ClaimLost extends Error {}

/** The records of some collections of the batch are being replaced together. */
class ContentLocked extends Error {
  constructor(
    /** The other collections. */
    readonly free: ReadonlySet<string>,
  ) {
    super();
  }
}

/** Before any row is locked. Throws ContentLocked. */
async function shareContents(em: EntityManager, results: readonly ItemResult[]): Promise<void> {
  const collectionIds = new Set(results.map(({ token }) => token.collectionId));
  const free = await tryShareContents(em, [...collectionIds]);
  if (free.size < collectionIds.size) throw new ContentLocked(free);
}

type OfOneFetch<Result> = [Result, ...Result[]];

/** Groups the results of each fetch: the record is written once for all of its items. */
function byFetch<Result extends ItemResult>(results: readonly Result[]): OfOneFetch<Result>[] {
  const fetches = new Map<ItemResult['token'], OfOneFetch<Result>>();
  for (const result of results) {
    const known = fetches.get(result.token);
    if (known) known.push(result);
    else fetches.set(result.token, [result]);
  }
  return [...fetches.values()];
}

/** Adds the refreshes that waited for each change. */
function withRefreshes(
  changes: readonly MetadataChange[],
  fetches: readonly OfOneFetch<Succeeded>[],
): RecordedChange[] {
  const refreshIds = new Map(fetches.map((same) => [keyOf(same[0].token), same.map(({ item }) => item.refreshId)]));
  return changes.map((change) => ({ ...change, refreshIds: refreshIds.get(keyOf(change)) ?? [] }));
}

function keyOf({ collectionId, tokenId }: TokenReference): string {
  return `${collectionId}/${tokenId}`;
}

function toFinishedToken(result: ItemResult, written: Written | undefined): FinishedToken {
  const { item, token } = result;
  const claim = { chunkId: item.chunkId, claimCount: item.claimCount, tokenId: token.tokenId };
  if (result.status === 'retry') return { ...claim, kind: 'retry', delaySeconds: result.delaySeconds };
  // The response was about another version than the one that is stored now, or a hold has ended: due again at once.
  if (written?.result === 'outdated') return { ...claim, kind: 'requeue', delaySeconds: 0 };
  const attempts = item.attemptCount + Number(!WITHOUT_FETCH.has(result.status));
  const final = { ...claim, kind: 'final', refreshId: item.refreshId, attempts } as const;
  switch (result.status) {
    case 'held':
    case 'succeeded': {
      const error = written?.result === 'missing' ? NOT_REGISTERED : null;
      return { ...final, verdict: verdictOf(written?.result), metadataVersion: written?.version ?? null, error };
    }
    case 'coalesced': {
      const verdict = result.isChanged ? VERDICTS.updated : VERDICTS.unchanged;
      return { ...final, verdict, metadataVersion: token.metadataVersion ?? null, error: null };
    }
    case 'superseded':
      return { ...final, verdict: VERDICTS.superseded, metadataVersion: token.metadataVersion ?? null, error: null };
    case 'failed':
      return { ...final, verdict: VERDICTS.failed, metadataVersion: null, error: result.error };
  }
}

/** A token of a reveal: nothing was written to its record. */
function toStagedToken(result: ItemResult, revealId: string, { open }: StagedBatch): FinishedToken {
  const finished = toFinishedToken(result, undefined);
  if (finished.kind !== 'final' || result.status === 'failed') return finished;
  // What was fetched for a reveal that takes no documents any more is dropped.
  const verdict = open.has(revealId) ? VERDICTS.staged : VERDICTS.cancelled;
  return { ...finished, verdict, metadataVersion: null, error: null };
}

function verdictOf(written: WriteResult | undefined): Verdict {
  switch (written) {
    case 'changed':
      return VERDICTS.updated;
    case 'unchanged':
      return VERDICTS.unchanged;
    case 'superseded':
      return VERDICTS.superseded;
    case 'held':
      return VERDICTS.held;
    default:
      return VERDICTS.failed;
  }
}

function toResultCount({ refreshId, verdict, tokenId, error }: FinalToken): ResultCount {
  return { refreshId, verdict, ...(error && { failure: { tokenId, error } }) };
}

function withoutTextOfHost(result: ItemResult): ItemResult {
  const { item, token, status } = result;
  if (status === 'retry' || WITHOUT_FETCH.has(status)) return { ...result, requests: [] };
  const failure = status === 'failed' ? result.error : NOT_STORABLE;
  return { item, token, requests: [], status: 'failed', error: { ...failure, metadataUrl: '', body: null } };
}

function toAttempts({ item, token, requests }: ItemResult): AttemptRow[] {
  const { collectionId, tokenId } = token;
  const { refreshId, attemptCount } = item;
  return requests.map((request) => ({ ...request, collectionId, tokenId, refreshId, attempt: attemptCount + 1 }));
}

function toMetadataWrite({ token, url, metadata, validators }: Succeeded): MetadataWrite {
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
    // Not that of the result: a fetch may be written in parts, and the source is that of the newest refresh.
    refreshId: token.items[0]!.refreshId,
    trigger: token.items[0]!.trigger,
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

/**
 * SQLSTATE classes 22 (data exception), 23 (constraint violation), 54 (program limit exceeded) and P0 (raised by a trigger): the
 * fault of a row, which no retry changes.
 */
function isRejection(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(22|23|54|P0)/.test(code);
}
