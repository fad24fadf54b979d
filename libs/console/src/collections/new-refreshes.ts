import {
  BoundedReads,
  MetadataRefreshService,
  ReadGate,
  type QuotaState,
  type RefreshEstimate,
  type WantedTokens,
} from '@app/metadata-refresh';
import { asRefreshingProject } from '@app/refresh-api';
import type { Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { Person } from '../person.js';

/** Estimates that run at the same time in a process: each may count a million tokens, and other reads need a place as well. */
const MAX_ESTIMATES = 2;

/** Refreshes that people request on the console: those of partners count towards their quota, those of operators towards nothing. */
@Injectable()
export class NewRefreshes {
  private readonly estimates = new ReadGate(MAX_ESTIMATES);

  constructor(
    private readonly reads: BoundedReads,
    private readonly refreshes: MetadataRefreshService,
  ) {}

  /** Returns its id. */
  async request(person: Person, collection: Collection, wanted: WantedTokens): Promise<string> {
    if (person.kind === 'operator') {
      return (await this.refreshes.requestSelection(collection, { ...wanted, trigger: 'console' })).refreshId;
    }
    const project = asRefreshingProject(person.project);
    return (await this.refreshes.request(project, inCollection(collection, wanted))).refreshId;
  }

  /** What it would take; `quota` is null if nothing would be charged. Throws ReadsBusy. */
  estimate(
    person: Person,
    collection: Collection,
    wanted: WantedTokens,
  ): Promise<Pick<RefreshEstimate, 'tokens' | 'expectedSeconds' | 'exceeds'> & { quota: QuotaState | null }> {
    return this.estimates.run(() =>
      this.reads.run(async () => {
        if (person.kind === 'operator') {
          return { ...(await this.refreshes.estimateSelection(collection, wanted)), quota: null, exceeds: null };
        }
        return this.refreshes.estimate(asRefreshingProject(person.project), inCollection(collection, wanted));
      }),
    );
  }
}

function inCollection({ address: collectionAddress, chainId }: Collection, wanted: WantedTokens) {
  return { collectionAddress, chainId, ...wanted };
}
