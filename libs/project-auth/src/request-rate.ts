import type { EntityManager } from '@mikro-orm/postgresql';
import { Inject, Injectable } from '@nestjs/common';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import { RequestRateExceeded } from './project-auth.errors.js';
import type { CallingProject } from './project-directory.js';
import { FixedWindowCounter } from './fixed-window-counter.js';

export const WINDOW_MS = 1000;

/** How often a project may ask, all processes together. */
@Injectable()
export class RequestRate {
  constructor(
    private readonly windows: FixedWindowCounter,
    @Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig,
  ) {}

  /** Requests a second; 0: none may. */
  limitOf({ requestsPerSecond }: CallingProject): number {
    return requestsPerSecond ?? this.config.requestsPerSecond;
  }

  /**
   * Counts a request: in the transaction that accepts it, so that a refused one counts nothing, or on its own. Throws
   * RequestRateExceeded.
   */
  async count(project: CallingProject, em?: EntityManager): Promise<void> {
    const limit = this.limitOf(project);
    if (!(await this.windows.count(em, project.id, WINDOW_MS, limit))) throw new RequestRateExceeded(limit);
  }
}
