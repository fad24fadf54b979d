import { BoundedReads, RefreshPages, ServiceOverview } from '@app/metadata-refresh';
import { ConsoleActions, Projects } from '@app/project-auth';
import { Injectable } from '@nestjs/common';
import { scopeOf, type Person } from '../person.js';
import { RefreshViews } from '../refreshes/refresh-views.js';
import { toRefresh } from '../refreshes/refreshes.presenter.js';
import type { OperatorOverview, Overview } from '../wire/overview.schema.js';
import { Findings } from './findings.js';

const MAX_RUNNING = 3;
const MAX_ACTIONS = 10;
const MAX_COUNTED = 100;

/** The first page that a person sees. */
@Injectable()
export class OverviewViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly service: ServiceOverview,
    private readonly findings: Findings,
    private readonly pages: RefreshPages,
    private readonly refreshes: RefreshViews,
    private readonly log: ConsoleActions,
    private readonly projects: Projects,
  ) {}

  read(person: Person): Promise<Overview> {
    return person.kind === 'partner' ? this.ofPartner(person) : this.ofOperator(person);
  }

  private ofPartner(person: Person): Promise<Overview> {
    return this.reads.run(async (now) => {
      const { rows } = await this.pages.list(scopeOf(person), { limit: 1 });
      const counts = await this.service.countForMenu(scopeOf(person));
      return { now: now.toISOString(), kind: 'partner', newestRefreshId: rows[0]?.id ?? null, counts };
    });
  }

  private ofOperator(person: Person): Promise<OperatorOverview> {
    return this.reads.run(async (now) => {
      const { rows } = await this.pages.list('all-projects', { limit: MAX_RUNNING, state: 'running' });
      const names = await this.refreshes.namesOf(person, rows);
      const [workers, cooldowns, oldestDue] = [
        await this.service.listWorkers(),
        await this.service.listCooldowns(),
        await this.service.findOldestDue(),
      ];
      const alive = workers.filter(({ state }) => state === 'alive').length;
      const counts = await this.service.countForMenu('all-projects');
      return {
        now: now.toISOString(),
        kind: 'operator',
        findings: await this.findings.read({ now, workers: alive, oldestDue, cooldowns }),
        running: rows.map((refresh) => toRefresh(refresh, names)),
        cooldowns: cooldowns.map(({ host, until }) => ({ host, until })),
        minutes: await this.service.listMinutes(),
        oldestDue: oldestDue && { dueAt: oldestDue.dueAt, host: oldestDue.host, refreshId: oldestDue.refreshId },
        actions: (await this.log.list(MAX_ACTIONS)).map(({ id, at, who, action, target, outcome }) => {
          return { id, at: at.toISOString(), who, action, target, outcome, link: linkTo(action, target, outcome) };
        }),
        counts: {
          ...counts,
          cooldowns: cooldowns.length,
          workers: alive,
          projects: await this.projects.countProjects(MAX_COUNTED),
        },
      };
    });
  }
}

/** Where the pages of things are that actions are done to. */
const PAGES_OF_TARGETS: readonly [prefix: string, path: string][] = [
  ['refresh.', 'refreshes'],
  ['reveal.', 'reveals'],
  ['token.', 'tokens'],
  ['host.', 'hosts'],
  ['webhook.', 'webhooks'],
  ['project.', 'projects'],
];

function linkTo(action: string, target: string, outcome: string): string | null {
  const [, path] = PAGES_OF_TARGETS.find(([prefix]) => action.startsWith(prefix)) ?? [];
  if (path === undefined || outcome === 'not_found') return null;
  // Chain, address and token id, which are three parts of the path.
  return path === 'tokens' ? `tokens/${target}` : `${path}/${encodeURIComponent(target)}`;
}
