import { Injectable } from '@nestjs/common';
import { ChainViews } from './chain/chain-views.js';
import type { Session } from './wire/session.schema.js';

type Page = Session['pages'][number];

/** The pages that every deployment has. */
const PAGES: readonly Page[] = ['overview', 'refreshes', 'tokens', 'validate', 'reveals', 'hosts', 'workers', 'limits'];

/** Which pages this deployment has. */
@Injectable()
export class Pages {
  constructor(private readonly chain: ChainViews) {}

  has(page: Page): boolean {
    return page === 'chain' ? this.chain.isWatching : PAGES.includes(page);
  }
}
