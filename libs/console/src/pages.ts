import { Injectable } from '@nestjs/common';
import type { Session } from './wire/session.schema.js';

/** The pages that have endpoints. */
const PAGES: readonly Session['pages'][number][] = [
  'overview',
  'refreshes',
  'tokens',
  'validate',
  'hosts',
  'workers',
  'limits',
];

/** Which pages this deployment has. */
@Injectable()
export class Pages {
  has(page: Session['pages'][number]): boolean {
    return PAGES.includes(page);
  }
}
