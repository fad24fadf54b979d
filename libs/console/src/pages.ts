import { Webhooks } from '@app/metadata-events';
import { ProjectDirectory, Projects } from '@app/project-auth';
import { Injectable, Optional } from '@nestjs/common';
import type { Session } from './wire/session.schema.js';

type Page = Session['pages'][number];

/** The pages that have endpoints. */
const PAGES: readonly Page[] = [
  'overview',
  'refreshes',
  'tokens',
  'failures',
  'hosts',
  'workers',
  'webhooks',
  'projects',
  'limits',
];

/** Which pages this deployment has. */
@Injectable()
export class Pages {
  private readonly pages: ReadonlySet<Page>;

  constructor(projects: Projects, directory: ProjectDirectory, @Optional() webhooks?: Webhooks) {
    // A host application with its own projects has none of ours.
    const absent: Partial<Record<Page, boolean>> = { webhooks: !webhooks, projects: directory !== projects };
    this.pages = new Set(PAGES.filter((page) => !absent[page]));
  }

  has(page: Page): boolean {
    return this.pages.has(page);
  }
}
