import { MetadataFetcher } from '@app/metadata-fetch';
import { TokenStore, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { RefreshNotFound, TokensNotFound, type QuotaState } from './metadata-refresh.errors.js';
import { OwnedCollections } from './owned-collections.js';
import type { Page, PageRequest } from './page.js';
import { RefreshAdmission } from './refresh-admission.js';
import { ProjectRefreshLimits, type RefreshingProject } from './refresh-limits.js';
import { RefreshQuota } from './refresh-quota.js';
import { RefreshReader, type Attempt, type Refresh, type RefreshError } from './refresh-reader.js';
import type {
  CollectionRefreshRequest,
  Receipt,
  RefreshEstimate,
  RefreshRequest,
  WantedTokens,
} from './refresh-request.js';

/** What a project may ask for. */
export interface RefreshLimits {
  tokensPerRequest: number;
  tokensPerSelection: number;
  tokensPerHour: QuotaState;
}

/** Asking for refreshes, and asking what became of them. */
@Injectable()
export class MetadataRefreshService {
  constructor(
    private readonly collections: OwnedCollections,
    private readonly tokens: TokenStore,
    private readonly fetcher: MetadataFetcher,
    private readonly limits: ProjectRefreshLimits,
    private readonly quota: RefreshQuota,
    private readonly admission: RefreshAdmission,
    private readonly reader: RefreshReader,
  ) {}

  /**
   * Why this URL of a Metadata API can never be requested, such as `blocked_address` for a private one; null if it may be.
   * Makes no request.
   */
  rejectionReason(metadataUrl: string): string | null {
    return this.fetcher.rejectionReason(metadataUrl);
  }

  /**
   * Accepts a refresh of listed or selected tokens: quota, refresh and tokens are saved in one transaction, and the receipt is
   * returned after its commit. A selection is made into the queue in the database alone, in about a second for a million tokens.
   * Throws TokensPerRequestExceeded, InvalidSelection, SelectionEmpty, SelectionTooLarge, InvalidSchedule, ScheduledRefreshesExceeded,
   * CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, SourceNotSupported, TokensNotFound, QuotaExceeded,
   * IdempotencyKeyReused; then nothing was saved or counted.
   */
  async request(project: RefreshingProject, request: RefreshRequest): Promise<Receipt> {
    return this.admission.request(project, request);
  }

  /**
   * What this request would take, and which limit would refuse it. Accepts and counts nothing. Throws as `request`, but not for limits
   * and not for an empty selection.
   */
  async estimate(project: RefreshingProject, request: RefreshRequest): Promise<RefreshEstimate> {
    return this.admission.estimate(project, request);
  }

  /**
   * Accepts a refresh that no project has asked for, such as after an event on chain. It belongs to the project of the collection, and
   * counts towards none of its limits; only `maxSelectionTokens` holds. Throws InvalidSelection, SelectionEmpty, SelectionTooLarge,
   * InvalidSchedule, SourceNotSupported.
   */
  async requestSelection(
    collection: Collection,
    request: CollectionRefreshRequest,
  ): Promise<{ refreshId: string; tokens: number }> {
    return this.admission.requestForCollection(collection, request);
  }

  /** How many tokens such a refresh would have, and how long it would take. Throws InvalidSelection, SourceNotSupported. */
  async estimateSelection(
    collection: Collection,
    wanted: WantedTokens,
  ): Promise<Pick<RefreshEstimate, 'tokens' | 'expectedSeconds'>> {
    return this.admission.estimateForCollection(collection, wanted);
  }

  /** Throws RefreshNotFound, also for another project's refresh. */
  async getRefresh(project: RefreshingProject, refreshId: string): Promise<Refresh> {
    const refresh = await this.reader.find(project.id, refreshId);
    if (!refresh) throw new RefreshNotFound(refreshId);
    return refresh;
  }

  async listRefreshes(
    project: RefreshingProject,
    page: PageRequest & { collectionAddress?: string | undefined },
  ): Promise<Page<Refresh>> {
    return this.reader.list(project.id, page, page.collectionAddress);
  }

  /** Throws RefreshNotFound. */
  async listErrors(project: RefreshingProject, refreshId: string, page: PageRequest): Promise<Page<RefreshError>> {
    return this.reader.listErrors(await this.getRefresh(project, refreshId), page);
  }

  /** Throws CollectionNotFound, CollectionNotOwned, CollectionAmbiguous, TokensNotFound. */
  async listAttempts(
    project: RefreshingProject,
    { collectionAddress, tokenId }: { collectionAddress: string; tokenId: string },
    page: PageRequest,
  ): Promise<Page<Attempt>> {
    const { id: collectionId } = await this.collections.get(project.id, collectionAddress);
    const token = await this.tokens.findToken({ collectionId, tokenId });
    if (!token) throw new TokensNotFound([tokenId]);
    return this.reader.listAttempts({ collectionId, tokenId }, page);
  }

  /** What the project may ask for, and what is left of it. Takes nothing. */
  async readLimits(project: RefreshingProject): Promise<RefreshLimits> {
    const { tokensPerRequest, tokensPerSelection, tokensPerHour } = this.limits.of(project);
    return {
      tokensPerRequest,
      tokensPerSelection,
      tokensPerHour: await this.quota.read(project.id, tokensPerHour),
    };
  }
}
