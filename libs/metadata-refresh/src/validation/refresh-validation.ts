import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import {
  describeWarning,
  MEDIA_INSTEAD_OF_DOCUMENT,
  MetadataFetcher,
  type FetchOutcome,
  type MetadataLocation,
} from '@app/metadata-fetch';
import {
  InvalidTokenId,
  previewRecord,
  TokenStore,
  type Collection,
  type KeptAs,
  type TokenRecord,
} from '@app/token-store';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { sql } from 'kysely';
import { AttemptCounts } from '../metrics/attempt-counts.js';
import { requestsOf, type AttemptedRequest } from '../completion/item-result.js';
import { toTokenError, type Failure } from '../completion/token-error.js';
import { KeyedMutex } from '../keyed-mutex.js';
import { TooManyTokensToValidate, ValidationsRunning, type QuotaState } from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { adviceFor } from '../receipt/reason-advice.js';
import type { Admission } from '../control/refresh-control.js';
import { RefreshQuota } from '../admission/refresh-quota.js';
import { RefreshReader } from '../receipt/refresh-reader.js';
import { getLocation, hostOf, toLocation } from '../queue/refresh-source.js';
import { cooldownSeconds, retryDelaySeconds } from '../completion/retry-policy.js';
import { toShownRecord } from '../shown-record.js';
import { signalOf } from '../worker/fetcher.js';
import { HostTurns } from './host-turns.js';
import {
  VALIDATION_VERDICTS,
  type ChargedValidation,
  type NoResultReason,
  type TokenValidation,
  type Validation,
  type ValidationVerdict,
} from './validation.js';

/** The most tokens of one validation. */
const MAX_VALIDATED_TOKENS = 20;
/** From the call to its result, which a caller is to have within 10 seconds. */
const TIME_LIMIT_MS = 8500;
/** Validations of one project that may run concurrently in one process: their documents are in memory until the response. */
const MAX_RUNNING_PER_PROJECT = 4;

const NO_RESULT_ADVICE: Record<NoResultReason, string> = {
  cooldown:
    'Your server has asked for a pause (status 429, or 503 with Retry-After), and gets no requests until it is over: try again then.',
  host_busy:
    'Your server was busy with other requests until the time limit: make it respond faster, or try again when its refreshes are completed.',
  shutdown: 'The refresh service is being stopped or updated: try again.',
  time_limit: 'The fetch took longer than a validation may: try again with fewer tokens, or make your server faster.',
  internal_error:
    'The refresh service failed while it fetched this token: try again, and tell the marketplace if that does not help.',
};

/** Who is charged for a validation. */
interface Payer {
  projectId: string;
  tokensPerHour: number;
  /** A last condition, inside the transaction that charges: what it throws refuses the validation. */
  admit?: Admission | undefined;
}

/** A token as it is stored. */
interface Stored {
  record: TokenRecord;
  keptAs: KeptAs | null;
}

/** What is the same for all tokens of a validation. */
interface Run {
  collection: Collection;
  source: MetadataLocation;
  host: string;
  hostLimit: number;
  /** On a monotonic clock, in milliseconds. */
  endsAt: number;
  /** Aborts at the time limit, and when the application shuts down. */
  signal: AbortSignal;
  /** By the database's clock. */
  startedAt: Date;
}

/**
 * A dry run: fetches tokens as a refresh would, with the same client and the same politeness, and compares the documents with what
 * is stored. It stores no record, refresh, attempt or validator; only the charge, and a cooldown that the host has asked for.
 *
 * Each token waits for a turn at its metadata host and is fetched once, without validators, so that its document is always read.
 * At the time limit, the tokens that are left have no result.
 */
@Injectable()
export class RefreshValidation implements BeforeApplicationShutdown {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** As for refreshes: a project's requests wait for its quota without a connection. */
  private readonly byProject = new KeyedMutex();
  private readonly running = new Map<string, number>();
  private readonly shutdown = new AbortController();

  constructor(
    private readonly em: EntityManager,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly turns: HostTurns,
    private readonly quota: RefreshQuota,
    private readonly reader: RefreshReader,
    private readonly counts: AttemptCounts,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /**
   * Validates on behalf of a project. Its tokens count towards the quota, whatever becomes of them. Throws TooManyTokensToValidate,
   * InvalidTokenId, SourceNotSupported, ValidationsRunning, QuotaExceeded; then nothing was counted or fetched.
   */
  async validateFor(payer: Payer, collection: Collection, tokenIds: readonly string[]): Promise<ChargedValidation> {
    const endsAt = performance.now() + TIME_LIMIT_MS;
    const wanted = this.check(collection, tokenIds);
    const { projectId } = payer;
    const running = this.running.get(projectId) ?? 0;
    if (running >= MAX_RUNNING_PER_PROJECT) throw new ValidationsRunning(running, Math.ceil(TIME_LIMIT_MS / 1000));
    this.running.set(projectId, running + 1);
    try {
      const quota = await this.charge(payer, wanted.length);
      return { ...(await this.run(collection, wanted, endsAt)), quota };
    } finally {
      const left = this.running.get(projectId)! - 1;
      if (left > 0) this.running.set(projectId, left);
      else this.running.delete(projectId);
    }
  }

  /** Validates on behalf of an operator: counts towards nothing. Throws TooManyTokensToValidate, InvalidTokenId, SourceNotSupported. */
  async validate(collection: Collection, tokenIds: readonly string[]): Promise<Validation> {
    return this.run(collection, this.check(collection, tokenIds), performance.now() + TIME_LIMIT_MS);
  }

  /** Running validations end with the tokens that are done. Their hosts are left at once. */
  async beforeApplicationShutdown(): Promise<void> {
    this.shutdown.abort();
    await this.turns.untilIdle();
  }

  private check(collection: Collection, tokenIds: readonly string[]): string[] {
    const wanted = [...new Set(tokenIds)];
    if (wanted.length > MAX_VALIDATED_TOKENS) throw new TooManyTokensToValidate(MAX_VALIDATED_TOKENS, wanted.length);
    InvalidTokenId.check(wanted);
    getLocation(collection, this.fetcher);
    return wanted;
  }

  private charge({ projectId, tokensPerHour, admit }: Payer, tokens: number): Promise<QuotaState> {
    return this.byProject.runExclusive(projectId, async () => {
      await this.quota.precheck(projectId, tokensPerHour, tokens);
      return inTransaction(this.em, async (em) => {
        await admit?.(em);
        return this.quota.reserve(em, { id: null, projectId }, tokensPerHour, tokens);
      });
    });
  }

  private async run(collection: Collection, tokenIds: readonly string[], endsAt: number): Promise<Validation> {
    const source = toLocation(collection);
    const host = hostOf(source);
    const references = tokenIds.map((tokenId) => ({ collectionId: collection.id, tokenId }));
    const [records, states, { hostLimit, now: startedAt }] = await Promise.all([
      this.tokens.findTokens(references),
      this.tokens.findStored(references),
      this.readState(host, collection),
    ]);
    const kept = new Map(states.map(({ tokenId, keptAs = null }) => [tokenId, keptAs]));
    const stored = new Map<string, Stored>(
      records.map((record) => [record.tokenId, { record, keptAs: kept.get(record.tokenId) ?? null }]),
    );

    const timeLimit = AbortSignal.timeout(Math.max(0, Math.ceil(endsAt - performance.now())));
    const signal = AbortSignal.any([timeLimit, this.shutdown.signal]);
    const run: Run = { collection, source, host, hostLimit, endsAt, signal, startedAt };
    const tokens = await Promise.all(tokenIds.map((tokenId) => this.validateToken(run, tokenId, stored.get(tokenId))));

    const verdicts = countVerdicts(tokens);
    const { address: collectionAddress, projectId } = collection;
    this.logger.log({ msg: 'tokens validated', projectId, collectionAddress, tokens: tokens.length, verdicts });
    return { collectionAddress, tokens, verdicts, cooldown: await this.reader.findCooldown(host) };
  }

  private async validateToken(run: Run, tokenId: string, stored: Stored | undefined): Promise<TokenValidation> {
    if (!stored) return { ...nothingOf(tokenId), verdict: 'failed', error: NOT_REGISTERED };
    const { host, hostLimit, endsAt, signal } = run;
    const turn = await this.turns.acquire({ host, hostLimit, endsAt, signal });
    if (turn.kind !== 'turn') return withoutResult(tokenId, 'not_tried', this.unlessShutdown(turn.kind));

    const startedAt = performance.now();
    const outcome = await this.fetch(run, stored.record);
    if (typeof outcome === 'string') {
      turn.release();
      return withoutResult(tokenId, 'not_finished', this.unlessShutdown(outcome));
    }
    const requests = requestsOf(outcome);
    this.counts.count(host, requests);
    const cooldownSaved = this.startCooldown(host, outcome);
    turn.release({ signal: signalOf(outcome), startedAt, endedAt: performance.now() });
    // The response is to tell of a cooldown that is saved.
    await cooldownSaved;
    return this.toResult(run, stored, outcome, requests);
  }

  /** Never throws, and ends at the time limit: the document may be read in a thread, or wait for a buffer, and that goes on. */
  private async fetch(
    { source, collection, signal }: Run,
    before: TokenRecord,
  ): Promise<FetchOutcome | 'time_limit' | 'internal_error'> {
    const { tokenId, contentHash, warnings } = before;
    const hasDocument = contentHash === null ? undefined : !warnings.includes(MEDIA_INSTEAD_OF_DOCUMENT);
    let onAbort = () => {};
    const aborted = new Promise<'time_limit'>((resolve) => {
      onAbort = () => resolve('time_limit');
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      const fetched = this.fetcher.fetch({ source, tokenId, collectionId: collection.id, hasDocument }, signal);
      const outcome = await Promise.race([fetched, aborted]);
      // The outcome of a fetch that was aborted says nothing about the host.
      return signal.aborted ? 'time_limit' : outcome;
    } catch (error) {
      // A bug of ours, or of a host's MetadataSource.
      this.logger.error({ msg: 'fetch threw an error', collectionId: collection.id, tokenId, error: String(error) });
      return 'internal_error';
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private unlessShutdown(reason: NoResultReason): NoResultReason {
    return this.shutdown.signal.aborted ? 'shutdown' : reason;
  }

  /** Starts the cooldown that the outcome asks for, as after the first attempt of a refresh. */
  private async startCooldown(host: string, outcome: FetchOutcome): Promise<void> {
    const seconds = cooldownSeconds(outcome, 1, this.config);
    if (seconds === null || outcome.kind === 'fetched' || outcome.kind === 'not_modified') return;
    await this.turns.startCooldown(host, seconds, toTokenError(outcome).reason);
  }

  private toResult(
    { source, startedAt }: Run,
    { record: before, keptAs }: Stored,
    outcome: FetchOutcome,
    requests: readonly AttemptedRequest[],
  ): TokenValidation {
    const nothing = { ...nothingOf(before.tokenId), requests };
    // There is no 304 without validators; a fetcher of the host application may return it all the same.
    if (outcome.kind === 'not_modified') return { ...nothing, verdict: keptAs ?? 'unchanged' };
    if (outcome.kind !== 'fetched') return { ...nothing, verdict: 'failed', error: this.toError(outcome) };
    const { metadata, url } = outcome;
    const { record, change } = previewRecord(before, {
      metadata,
      metadataUrl: url,
      metadataSource: source.kind,
      fetchedAt: startedAt,
    });
    return {
      ...nothing,
      verdict: keptAs ?? (change ? 'updated' : 'unchanged'),
      ...toShownRecord(record, metadata.raw),
      warnings: metadata.warnings.map((code) => ({ code, message: describeWarning(code) })),
      ...(change && {
        changedFields: change.changedFields,
        traitsAdded: change.traitsAdded,
        traitsRemoved: change.traitsRemoved,
        hasAllTraits: change.hasAllTraits,
      }),
    };
  }

  private toError(outcome: Failure): TokenValidation['error'] {
    const { errorCode, reason, body } = toTokenError(outcome);
    const isRetriedByRefresh = retryDelaySeconds(outcome, 1, this.config) !== null;
    return { errorCode, reason, advice: adviceFor(errorCode, reason), isRetriedByRefresh, body };
  }

  /** The concurrency of the host, as a claim reads it, and the time. */
  private async readState(host: string, { hostConcurrency }: Collection): Promise<{ hostLimit: number; now: Date }> {
    const { rows } = await sql<{ hostLimit: number; now: Date | string }>`
      select coalesce(
          (select host_concurrency from nft_metadata.metadata_hosts where host = ${host}),
          least(min(host_concurrency), ${hostConcurrency ?? null}::int), ${this.config.hostConcurrency}::int
        ) as "hostLimit", now() as now
      from nft_metadata.lanes where host = ${host}`.execute(this.em.fork().getKysely());
    const { hostLimit, now } = rows[0]!;
    return { hostLimit, now: new Date(now) };
  }
}

const NOT_REGISTERED = {
  errorCode: 'token_not_found',
  reason: 'not_registered',
  advice: adviceFor('token_not_found', 'not_registered'),
  isRetriedByRefresh: false,
  body: null,
} as const;

function nothingOf(tokenId: string): Omit<TokenValidation, 'verdict'> {
  return {
    tokenId,
    requests: [],
    error: null,
    noResult: null,
    record: null,
    document: null,
    omitted: null,
    warnings: [],
    changedFields: [],
    traitsAdded: [],
    traitsRemoved: [],
    hasAllTraits: true,
  };
}

function withoutResult(
  tokenId: string,
  verdict: 'not_tried' | 'not_finished',
  reason: NoResultReason,
): TokenValidation {
  return { ...nothingOf(tokenId), verdict, noResult: { reason, advice: NO_RESULT_ADVICE[reason] } };
}

function countVerdicts(tokens: readonly TokenValidation[]): Record<ValidationVerdict, number> {
  const counts = Object.fromEntries(VALIDATION_VERDICTS.map((name) => [name, 0])) as Record<ValidationVerdict, number>;
  for (const { verdict } of tokens) counts[verdict] += 1;
  return counts;
}
