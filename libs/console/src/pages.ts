import { ChainStatuses } from '@app/chain-events';
import { Webhooks } from '@app/metadata-events';
import { Injectable, Optional } from '@nestjs/common';
import type { Session } from './wire/session.schema.js';

/** Which pages this deployment has: those of modules that it does not use are left out. */
@Injectable()
export class Pages {
  constructor(
    @Optional() private readonly webhooks?: Webhooks,
    @Optional() private readonly chains?: ChainStatuses,
  ) {}

  has(page: Session['pages'][number]): boolean {
    if (page === 'webhooks') return this.webhooks !== undefined;
    if (page === 'chain') return this.chains !== undefined;
    return true;
  }
}
