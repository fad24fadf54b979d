import { timestamp } from '@app/database';
import { StagingStore, RevealsNotSupported, type Collection } from '@app/token-store';
import { EntityManager } from '@mikro-orm/postgresql';
import { ModuleLogger } from '@app/logging';
import { Inject, Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { Page, PageRequest } from '../receipt/page.js';
import { RefreshAdmission, type AcceptedReveal } from '../admission/refresh-admission.js';
import type { Admission } from '../control/refresh-control.js';
import type { RefreshingProject } from '../admission/refresh-limits.js';
import type { RequestConditions, WantedTokens } from '../admission/refresh-request.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import { findBusyReveal, lockReveals } from './open-reveals.js';
import { RevealControl } from './reveal-control.js';
import type { LintFinding } from './reveal-lint.js';
import { RevealPreviewReader } from './reveal-preview-reader.js';
import type { RevealChanges, RevealToken, RevealTraits, StagedTokenPage, StagedTokenQuery } from './reveal-preview.js';
import { checkPlan, checkTime, type CheckedPlan } from './reveal-plan.js';
import { RevealReader, type RevealListFilter } from './reveal-reader.js';
import type {
  PublishOptions,
  Reveal,
  RevealPlan,
  RevealReceipt,
  RevealReference,
  RevealRequest,
  RevertOptions,
} from './reveal.js';
import { RevealInProgress } from './reveals.errors.js';

/** A reveal that the operator creates. No limit of the project holds for it, except `maxRevealTokens`. */
export type CollectionRevealRequest = WantedTokens & RevealPlan & Pick<RequestConditions, 'admit'>;

/**
 * Reveals: the documents of many tokens are fetched ahead, looked at, and shown together in one transaction. Methods take a
 * `RevealReference`: with a `projectId`, a reveal of another project counts as not found.
 */
@Injectable()
export class Reveals {
  private readonly logger = new ModuleLogger('MetadataRefresh');

  constructor(
    private readonly staging: StagingStore,
    private readonly admission: RefreshAdmission,
    private readonly reader: RevealReader,
    private readonly control: RevealControl,
    private readonly previews: RevealPreviewReader,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'maxRevealTokens'>,
  ) {}

  /**
   * Accepts a reveal: a refresh fetches the documents, and no reader sees anything of them until it is published. Its tokens count
   * towards the quota of the project. Throws InvalidReveal, RevealInProgress, RevealsNotSupported, TokensNotFound, SelectionTooLarge,
   * SelectionEmpty, and whatever else refuses a refresh; then nothing was saved or counted.
   */
  async create(project: RefreshingProject, request: RevealRequest): Promise<RevealReceipt> {
    const { publish, minSucceeded, maxAgeSeconds, ...wanted } = request;
    const accepted = this.accept({ publish, minSucceeded, maxAgeSeconds });
    const conditions = { ...wanted, trigger: 'reveal', unknownTokens: 'reject' } as const;
    const { refreshId, ...receipt } = await this.admission.request(project, conditions, accepted);
    const first = receipt.isReplayed ? await this.reader.findByRefresh(refreshId) : null;
    return { revealId: first?.id ?? accepted.id, refreshId, ...receipt };
  }

  /** The same on behalf of an operator: it counts towards no limit of the project. */
  async createForCollection(
    collection: Collection,
    { publish, minSucceeded, maxAgeSeconds, ...wanted }: CollectionRevealRequest,
  ): Promise<{ revealId: string; refreshId: string; tokens: number }> {
    const accepted = this.accept({ publish, minSucceeded, maxAgeSeconds });
    const conditions = { ...wanted, trigger: 'reveal', unknownTokens: 'reject' } as const;
    return {
      revealId: accepted.id,
      ...(await this.admission.requestForCollection(collection, conditions, accepted)),
    };
  }

  /** Throws RevealNotFound. */
  get(reference: RevealReference): Promise<Reveal> {
    return this.reader.get(reference);
  }

  /** The reveal that a refresh, or a retry of its tokens, stages documents for. null: there is none, or it is deleted. */
  findByRefresh(refreshId: string): Promise<Reveal | null> {
    return this.reader.findByRefresh(refreshId);
  }

  /**
   * What publishing it would change. null unless the reveal is `staged`, or if too many are being read at this moment. Throws
   * RevealNotFound.
   */
  async findChanges(reference: RevealReference): Promise<RevealChanges | null> {
    return this.previews.findChanges(await this.reader.get(reference));
  }

  /** What the studio may not have meant, for a page that shows the rest all the same: null as findChanges. Throws RevealNotFound. */
  async findLint(reference: RevealReference): Promise<LintFinding[] | null> {
    return this.previews.findLint(await this.reader.get(reference));
  }

  /**
   * The traits of the collection as they would be after the publication. Throws RevealNotFound, RevealDocumentsDeleted, ReadsBusy,
   * PreviewsNotSupported.
   */
  listTraits(reference: RevealReference, options: { valuesPerType?: number } = {}): Promise<RevealTraits> {
    return this.previews.listTraits(reference, options.valuesPerType);
  }

  /** What the studio may not have meant, in the collection as it would be. Throws as listTraits. */
  lint(reference: RevealReference): Promise<{ asOf: Date; findings: LintFinding[] }> {
    return this.previews.lint(reference);
  }

  /** A token of the reveal as it would be, or why it has no document. Throws RevealNotFound, RevealDocumentsDeleted, TokenNotInReveal. */
  getToken(reference: RevealReference, tokenId: string): Promise<RevealToken> {
    return this.previews.getToken(reference, tokenId);
  }

  /** The staged tokens, in the order of their ids. Throws RevealNotFound, RevealDocumentsDeleted. */
  listTokens(reference: RevealReference, query: StagedTokenQuery): Promise<StagedTokenPage> {
    return this.previews.listTokens(reference, query);
  }

  /** Newest first. */
  list(query: PageRequest & RevealListFilter): Promise<Page<Reveal>> {
    return this.reader.list(query);
  }

  /**
   * Publishes a reveal: RevealSweep writes all of its records in one transaction, now or at the given time. The state is then `publishing`,
   * until it is `published`. A reveal that is published already does not change. Throws RevealNotFound, RevealEnded, RevealNotReady,
   * InvalidReveal.
   */
  async publish(reference: RevealReference, options: PublishOptions = {}, admit?: Admission): Promise<Reveal> {
    await this.control.publish(reference, options, admit);
    return this.reader.get(reference);
  }

  /**
   * Cancels a reveal: its pending tokens are no longer fetched, and its documents are deleted, in the background. Cancelling a
   * cancelled one changes nothing. Throws RevealNotFound, RevealEnded.
   */
  async cancel(reference: RevealReference, admit?: Admission): Promise<Reveal> {
    await this.control.cancel(reference, admit);
    return this.reader.get(reference);
  }

  /**
   * Reverts a published reveal: RevealSweep writes the documents again that it has replaced, in one transaction, now. The state is then
   * `reverting`, until it is `reverted`. Records that have changed since stay as they are, and so do those that had no metadata before.
   * Reverting a reverted one changes nothing. Throws RevealNotFound, RevealNotRevertible, RevealInProgress, InvalidHold, CollectionNotFound.
   */
  async revert(reference: RevealReference, options: RevertOptions = {}, admit?: Admission): Promise<Reveal> {
    await this.control.revert(reference, options, admit);
    return this.reader.get(reference);
  }

  private accept(plan: RevealPlan): AcceptedReveal {
    if (!this.staging.isSupported) throw new RevealsNotSupported();
    const id = timeOrderedUuid();
    const checked = checkPlan(plan);
    return {
      id,
      maxTokens: this.config.maxRevealTokens,
      save: async (em, refresh) => {
        await insertReveal(em, { id, ...checked, ...refresh });
        const { projectId, address: collectionAddress } = refresh.collection;
        const { refreshId, tokens } = refresh;
        this.logger.log({ msg: 'reveal accepted', revealId: id, refreshId, projectId, collectionAddress, tokens });
      },
    };
  }
}

type NewReveal = CheckedPlan & { id: string } & Parameters<AcceptedReveal['save']>[1];

/** In the transaction that accepts its refresh. Throws RevealInProgress, InvalidReveal. */
async function insertReveal(em: EntityManager, reveal: NewReveal): Promise<void> {
  const { collection, publishAt } = reveal;
  await lockReveals(em, collection.id);
  // First, because an insert would wait for a publication to end.
  const busy = await findBusyReveal(em, collection.id);
  if (busy) throw new RevealInProgress(collection.address, busy.id, busy.isReverting);
  const saved = await saveReveal(em, reveal);
  if (publishAt) checkTime(publishAt, saved);
}

async function saveReveal(
  em: EntityManager,
  { id, refreshId, collection, tokens, publish, publishAt, minSucceeded, maxAgeSeconds }: NewReveal,
): Promise<{ now: string; expiresAt: string }> {
  const at = publishAt?.toISOString() ?? null;
  const { rows } = await sql<{ now: string; expiresAt: string }>`
    insert into nft_metadata.reveals
      (id, project_id, collection_id, collection_address, refresh_id, publish, publish_at, min_succeeded, total, created_at,
        expires_at, due_at)
    select ${id}::uuid, ${collection.projectId}, ${collection.id}::uuid, ${collection.address}, ${refreshId}::uuid, ${publish},
      ${at}::timestamptz, ${minSucceeded}::numeric, ${tokens}::int, now(), expires_at, coalesce(${at}::timestamptz, expires_at)
    from (select now() + ${maxAgeSeconds} * interval '1 second' as expires_at) as end_of_reveal
    returning ${timestamp('now()')} as now, ${timestamp('expires_at')} as "expiresAt"`.execute(em.getKysely());
  return rows[0]!;
}
