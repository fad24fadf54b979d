import { Inject, Injectable } from '@nestjs/common';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import type { CallingProject } from './project-directory.js';

/** How many requests a project may make. */
@Injectable()
export class RequestRate {
  constructor(@Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig) {}

  /** Requests per second, over all processes. 0 blocks every request. */
  limitOf({ requestsPerSecond }: CallingProject): number {
    return requestsPerSecond ?? this.config.requestsPerSecond;
  }
}
