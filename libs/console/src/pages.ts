import { Webhooks } from '@app/metadata-events';
import { ProjectDirectory, Projects } from '@app/project-auth';
import { Injectable, Optional } from '@nestjs/common';
import { ChainViews } from './chain/chain-views.js';
import type { Session } from './wire/session.schema.js';

type Page = Session['pages'][number];

/** Which pages this deployment has. */
@Injectable()
export class Pages {
  constructor(
    private readonly chain: ChainViews,
    private readonly projects: Projects,
    private readonly directory: ProjectDirectory,
    @Optional() private readonly webhooks?: Webhooks,
  ) {}

  has(page: Page): boolean {
    switch (page) {
      case 'chain':
        return this.chain.isWatching;
      case 'webhooks':
        return this.webhooks !== undefined;
      case 'projects':
        // A host application with its own projects has none of ours.
        return this.directory === this.projects;
      default:
        return true;
    }
  }
}
