import { EntityManager } from '@mikro-orm/postgresql';
import { inTransaction } from '@app/database';
import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore, type Collection } from '@app/token-store';
import { traceparentOf } from '@app/tracing';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { BulkPause } from '../queue/bulk-pause.js';
import { findReceipt, KeyTaken, saveReceipt, type Idempotency } from './idempotency.js';
import { KeyedMutex } from '../keyed-mutex.js';
import {
  QuotaExceeded,
  SelectionEmpty,
  SelectionTooLarge,
  TokensNotFound,
  TokensPerRequestExceeded,
  type QuotaState,
} from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import { priorityOf, type NewRefresh } from './new-refresh.js';
import { OwnedCollections } from './owned-collections.js';
import { RefreshEnqueuer } from './refresh-enqueuer.js';
import { ProjectRefreshLimits, type EffectiveLimits, type RefreshingProject } from './refresh-limits.js';
import { RefreshQuota } from './refresh-quota.js';
import type {
  CollectionRefreshRequest,
  Receipt,
  RefreshRequest,
  RequestConditions,
  WantedTokens,
} from './refresh-request.js';
import { inAcceptanceSpan, setAccepted } from '../refresh-trace.js';
import { RefreshRetry, type RetryRequest } from './refresh-retry.js';
import { getLocation, hostOf } from '../queue/refresh-source.js';
import { isCharged, type RefreshTrigger } from '../refresh-trigger.js';
import { ScheduledRefreshes } from './scheduled-refreshes.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { countWanted, withoutRepeats } from './wanted-tokens.js';

interface Owner {
  projectId: string;
  /** null: none. */
  limits: EffectiveLimits | null;
}

/** A reveal that a refresh stages documents for. */
export interface AcceptedReveal {
  id: string;
  maxTokens: number;
  /** Saves it in the transaction that accepts the refresh. */
  save(em: EntityManager, refresh: { refreshId: string; collection: Collection; tokens: number }): Promise<void>;
}

type Conditions = Omit<RequestConditions, 'precheck'> & {
  trigger: RefreshTrigger;
  triggerDetail?: object;
  reveal?: AcceptedReveal | undefined;
};

interface Accepted {
  refreshId: string;
  tokens: number;
  /** null: nothing was charged. */
  quota: QuotaState | null;
}

/**
 * Accepts refreshes. Cheap checks come first, without a transaction; then one transaction saves refresh, tokens and receipt, and
 * checks again what other requests may have used up. Whatever refuses, nothing was saved or counted.
 */
@Injectable()
export class RefreshAdmission {
  private readonly logger = new ModuleLogger('MetadataRefresh');
  /** A project's requests wait for its quota anyhow; here they wait without a connection, which others need. */
  private readonly byProject = new KeyedMutex();
  /** The same for requests with one idempotency key. */
  private readonly byKey = new KeyedMutex();

  constructor(
    private readonly em: EntityManager,
    private readonly collections: OwnedCollections,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly limits: ProjectRefreshLimits,
    private readonly quota: RefreshQuota,
    private readonly enqueuer: RefreshEnqueuer,
    private readonly retries: RefreshRetry,
    private readonly scheduled: ScheduledRefreshes,
    private readonly bulkPause: BulkPause,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig,
  ) {}

  /** See MetadataRefreshService.request. */
  async request(project: RefreshingProject, request: RefreshRequest, reveal?: AcceptedReveal): Promise<Receipt> {
    return this.once(project, request.idempotency, () => this.requestOnce(project, request, reveal));
  }

  /** See MetadataRefreshService.requestSelection. */
  async requestForCollection(
    collection: Collection,
    request: CollectionRefreshRequest & Pick<RequestConditions, 'unknownTokens'>,
    reveal?: AcceptedReveal,
  ): Promise<Omit<Accepted, 'quota'>> {
    const owner = { projectId: collection.projectId, limits: null };
    const conditions = { ...request, reveal };
    const { refreshId, tokens } = await this.accept(owner, collection, withoutRepeats(request), conditions);
    return { refreshId, tokens };
  }

  /** See MetadataRefreshService.retryRefresh. */
  async retry(project: RefreshingProject, refreshId: string, { precheck, ...options }: RetryRequest): Promise<Receipt> {
    return this.once(project, options.idempotency, async () => {
      await precheck?.();
      const { tokensPerHour } = this.limits.of(project);
      const { refreshId: id, quota } = await this.byProject.runExclusive(largeRequestsOf(project.id), () =>
        this.retries.retry(
          { refreshId, projectId: project.id },
          {
            ...options,
            tokensPerHour,
            mayRefresh: (collection) => this.collections.isOwnedOnChain(project, collection),
          },
        ),
      );
      return { refreshId: id, quota: quota!, isReplayed: false };
    });
  }

  /** A request that was accepted before with the same key is not accepted again. */
  private async once(
    project: RefreshingProject,
    idempotency: Idempotency | undefined,
    accept: () => Promise<Receipt>,
  ): Promise<Receipt> {
    if (!idempotency) return accept();
    return this.byKey.runExclusive(JSON.stringify([project.id, idempotency.route, idempotency.key]), async () => {
      const first = await this.findReceipt(project, idempotency);
      if (first) return first;
      try {
        return await accept();
      } catch (error) {
        if (!(error instanceof KeyTaken)) throw error;
        const theirs = await this.findReceipt(project, idempotency);
        if (!theirs) throw error;
        return theirs;
      }
    });
  }

  private async findReceipt(project: RefreshingProject, idempotency: Idempotency): Promise<Receipt | null> {
    const refreshId = await findReceipt(this.em.fork(), project.id, idempotency);
    if (refreshId === null) return null;
    return { refreshId, quota: await this.readQuota(project), isReplayed: true };
  }

  private async requestOnce(
    project: RefreshingProject,
    request: RefreshRequest,
    reveal: AcceptedReveal | undefined,
  ): Promise<Receipt> {
    await request.precheck?.();
    const { trigger = 'api' } = request;
    const limits = isCharged(trigger) ? this.limits.of(project) : null;
    const wanted = withoutRepeats(request);
    if (limits && wanted.tokenIds && wanted.tokenIds.length > limits.tokensPerRequest) {
      throw new TokensPerRequestExceeded(limits.tokensPerRequest, wanted.tokenIds.length);
    }
    const { collectionAddress, chainId } = request;
    // A reveal belongs to the project of the collection, so only that one may create it, as it alone may push and restore.
    const collection = reveal
      ? await this.collections.get(project.id, collectionAddress, chainId)
      : await this.collections.getRefreshable(project, collectionAddress, chainId);
    const owner = { projectId: project.id, limits };
    const { refreshId, quota } = await this.accept(owner, collection, wanted, { ...request, trigger, reveal });
    return { refreshId, quota: quota ?? (await this.readQuota(project)), isReplayed: false };
  }

  private accept(
    owner: Owner,
    collection: Collection,
    wanted: WantedTokens,
    conditions: Conditions,
  ): Promise<Accepted> {
    const of = { projectId: owner.projectId, collectionAddress: collection.address, trigger: conditions.trigger };
    return inAcceptanceSpan(of, async (span) => {
      const accepted = await this.acceptTraced(owner, collection, wanted, {
        ...conditions,
        traceparent: traceparentOf(span),
      });
      setAccepted(span, accepted.refreshId, accepted.tokens);
      return accepted;
    });
  }

  private async acceptTraced(
    { projectId, limits }: Owner,
    collection: Collection,
    wanted: WantedTokens,
    conditions: Conditions & Pick<NewRefresh, 'traceparent'>,
  ): Promise<Accepted> {
    const { trigger, triggerDetail, idempotency, unknownTokens, reveal } = conditions;
    const source = getLocation(collection, this.fetcher);
    const notBefore = conditions.notBefore && (await this.scheduled.check(conditions.notBefore));
    const expected = await countWanted(this.tokens, collection, wanted);
    if (wanted.selection) this.checkSelection(collection, limits, expected);
    if (reveal) checkReveal(reveal, expected);
    const priority = priorityOf(expected, conditions.priority === 'low');
    if (priority === 0 && !notBefore) this.bulkPause.request();
    const lane = await this.enqueuer.lane(projectId, hostOf(source), collection.hostConcurrency ?? null);

    const { selection } = wanted;
    const id = timeOrderedUuid();
    const tokensPerHour = notBefore && limits ? limits.tokensPerHour : undefined;
    const ofCollection = { collection, source, lane };
    const refresh = {
      id,
      projectId,
      ...ofCollection,
      trigger,
      triggerDetail,
      revealId: reveal?.id,
      selection,
      notBefore,
      tokensPerHour,
      traceparent: conditions.traceparent,
      priority,
    };
    const queue = selection ? largeRequestsOf(projectId) : projectId;
    const { quota, tokens, isCompleted } = await this.byProject.runExclusive(queue, async () => {
      if (limits) await this.precheckQuota(refresh, limits, expected);
      return inTransaction(this.em, async (em) => {
        if (idempotency) await saveReceipt(em, projectId, idempotency, id);
        if (limits && notBefore) await this.scheduled.checkCount(em, projectId);
        const saved = await this.save(em, refresh, wanted, { expected, limits, unknownTokens });
        if (reveal) {
          checkReveal(reveal, saved.tokens);
          await reveal.save(em, { refreshId: id, collection, tokens: saved.tokens });
        }
        // Last: these lock a row of the project, and what comes after them is only the commit.
        await conditions.admit?.(em);
        const isCharging = limits && !notBefore;
        const left = isCharging ? await this.quota.reserve(em, refresh, limits.tokensPerHour, saved.tokens) : null;
        return { quota: left, ...saved };
      });
    });
    if (isCompleted) this.enqueuer.announceCompletion();
    this.logger.log({
      msg: 'refresh accepted',
      refreshId: id,
      projectId,
      collectionAddress: collection.address,
      trigger,
      tokens,
      ...(notBefore && { notBefore: notBefore.toISOString() }),
    });
    return { refreshId: id, tokens, quota };
  }

  private async save(
    em: EntityManager,
    refresh: NewRefresh,
    wanted: WantedTokens,
    {
      expected,
      limits,
      unknownTokens,
    }: { expected: number; limits: EffectiveLimits | null; unknownTokens?: 'fail' | 'reject' | undefined },
  ): Promise<{ tokens: number; isCompleted: boolean }> {
    const { collection, notBefore } = refresh;
    if (wanted.selection) {
      const limit = limits?.tokensPerSelection ?? this.config.maxSelectionTokens;
      const tokens = await this.enqueuer.saveSelection(
        em,
        { ...refresh, selection: wanted.selection },
        { expected, limit },
      );
      this.checkSelection(collection, limits, tokens);
      return { tokens, isCompleted: false };
    }
    const { tokenIds } = wanted;
    // Which ones are registered when a scheduled refresh begins is not known yet.
    const unknown = notBefore ? [] : await this.tokens.findUnknown(em, collection.id, tokenIds);
    if (unknown.length > 0 && unknownTokens === 'reject') throw new TokensNotFound(unknown);
    await this.enqueuer.save(em, refresh, tokenIds, unknown);
    return { tokens: tokenIds.length, isCompleted: unknown.length === tokenIds.length };
  }

  private checkSelection({ address }: Collection, limits: EffectiveLimits | null, tokens: number): void {
    const limit = limits?.tokensPerSelection ?? this.config.maxSelectionTokens;
    if (tokens === 0) throw new SelectionEmpty(address);
    if (tokens > limit) throw new SelectionTooLarge(limit, tokens);
  }

  /** A refresh that begins later is charged then. It is refused when no hour could have room for it. */
  private async precheckQuota(refresh: NewRefresh, { tokensPerHour }: EffectiveLimits, tokens: number): Promise<void> {
    const { projectId, notBefore } = refresh;
    if (!notBefore) return this.quota.precheck(projectId, tokensPerHour, tokens);
    if (tokens > tokensPerHour) throw new QuotaExceeded(await this.quota.read(projectId, tokensPerHour), tokens);
  }

  private readQuota(project: RefreshingProject): Promise<QuotaState> {
    return this.quota.read(project.id, this.limits.of(project).tokensPerHour);
  }
}

function checkReveal({ maxTokens }: AcceptedReveal, tokens: number): void {
  if (tokens > maxTokens) throw new SelectionTooLarge(maxTokens, tokens);
}

/** Selections and retries, whose transactions may take seconds, wait for each other; lists do not wait for them. */
function largeRequestsOf(projectId: string): string {
  return `large requests of ${projectId}`;
}
