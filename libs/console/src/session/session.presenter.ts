import type { ConsoleConfig } from '../console.options.js';
import type { Person } from '../person.js';
import type { Session } from '../wire/session.schema.js';

type Page = Session['pages'][number];

const PARTNER_PAGES: readonly Page[] = [
  'refreshes',
  'tokens',
  'failures',
  'validate',
  'reveals',
  'hosts',
  'webhooks',
  'projects',
  'limits',
];
const OPERATOR_PAGES: readonly Page[] = [
  'overview',
  'refreshes',
  'tokens',
  'failures',
  'validate',
  'reveals',
  'hosts',
  'workers',
  'webhooks',
  'chain',
  'projects',
];

export interface SessionFacts {
  config: ConsoleConfig;
  /** The pages that this deployment has. */
  hasPage: (page: Page) => boolean;
  /** Whether the console signs people in itself. */
  signsIn: boolean;
  build: string;
  version: string;
  api: Session['api'];
}

export function toSession(person: Person | null, now: Date, facts: SessionFacts): Session {
  const { config, hasPage, signsIn, build, version, api } = facts;
  const pages = person === null ? [] : person.kind === 'operator' ? OPERATOR_PAGES : PARTNER_PAGES;
  return {
    now: now.toISOString(),
    person: person && shown(person),
    mayAct: person?.mayAct ?? false,
    expiresAt: person?.expiresAt?.toISOString() ?? null,
    // A validation requests a metadata host and counts towards the quota.
    pages: pages.filter((page) => hasPage(page) && (page !== 'validate' || (person?.mayAct ?? false))),
    signIn: {
      operatorSecret: signsIn && config.operatorSecret !== undefined,
      apiKey: signsIn && config.partners.includes('api-key'),
      wallet: signsIn && config.partners.includes('wallet'),
    },
    api,
    images: config.images,
    build,
    version,
  };
}

function shown(person: Person): Session['person'] {
  const { kind, name } = person;
  return kind === 'operator' ? { kind, name } : { kind, name, projectId: person.project.id };
}
