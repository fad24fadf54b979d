import { Injectable } from '@nestjs/common';
import { TokensPerRequestExceeded } from '../metadata-refresh.errors.js';
import { OwnedCollections } from '../admission/owned-collections.js';
import { ProjectRefreshLimits, type RefreshingProject } from '../admission/refresh-limits.js';
import { timeOrderedUuid } from '../time-ordered-uuid.js';
import type { PushConditions } from './push-request.js';
import type { NewPush } from './push-transaction.js';

/** Checks what a push asks for before anything is read or written. */
@Injectable()
export class PushAdmission {
  constructor(
    private readonly collections: OwnedCollections,
    private readonly limits: ProjectRefreshLimits,
  ) {}

  /** `charge`: how many tokens or stacks it has. Throws TokensPerRequestExceeded, and errors of the collection. */
  async begin(project: RefreshingProject, request: PushConditions, charge: number): Promise<NewPush> {
    const { tokensPerRequest, tokensPerHour } = this.limits.of(project);
    if (charge > tokensPerRequest) throw new TokensPerRequestExceeded(tokensPerRequest, charge);
    const collection = await this.collections.get(project.id, request.collectionAddress, request.chainId);
    return {
      refreshId: timeOrderedUuid(),
      projectId: project.id,
      collection,
      tokensPerHour,
      charge,
      admit: request.admit,
    };
  }
}
