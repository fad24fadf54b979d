import { Inject, Injectable } from '@nestjs/common';
import { PROJECT_AUTH_CONFIG, type ProjectAuthConfig } from './project-auth.options.js';
import type { CallingProject } from './project-directory.js';

/** How often a project may ask. */
@Injectable()
export class RequestRate {
  constructor(@Inject(PROJECT_AUTH_CONFIG) private readonly config: ProjectAuthConfig) {}

  /** Requests a second; 0: none may. */
  limitOf({ requestsPerSecond }: CallingProject): number {
    return requestsPerSecond ?? this.config.requestsPerSecond;
  }
}
