import { BoundedReads, RefreshPages, ServiceOverview, type OldestDue } from '@app/metadata-refresh';
import { ConsoleActions, Projects } from '@app/project-auth';
import { Injectable } from '@nestjs/common';
import { scopeOf, type Person } from '../person.js';
import { RefreshViews } from '../refreshes/refresh-views.js';
import { toRefresh } from '../refreshes/refreshes.presenter.js';
import type { Finding, OperatorOverview, Overview } from '../wire/overview.schema.js';

const CACHE_MS = 2000;
const MAX_RUNNING = 3;
const MAX_ACTIONS = 10;
/** A worker claims what is due within a second or two. */
const LATE_SECONDS = 5;
const LONG_COOLDOWN_SECONDS = 300;

/** The first page that a person sees. */
@Injectable()
export class OverviewViews {
  private cached: { until: number; overview: Promise<OperatorOverview> } | undefined;

  constructor(
    private readonly reads: BoundedReads,
    private readonly service: ServiceOverview,
    private readonly pages: RefreshPages,
    private readonly refreshes: RefreshViews,
    private readonly log: ConsoleActions,
    private readonly projects: Projects,
  ) {}

  async read(person: Person): Promise<Overview> {
    if (person.kind === 'partner') return this.ofPartner(person);
    // The same for all operators: a hundred open pages are one read.
    const now = performance.now();
    if (!this.cached || this.cached.until <= now) {
      const overview = this.ofOperator(person);
      this.cached = { until: now + CACHE_MS, overview };
      overview.catch(() => (this.cached = undefined));
    }
    return this.cached.overview;
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
        findings: [...noWorker(alive, oldestDue), ...longCooldowns(cooldowns)],
        running: rows.map((refresh) => toRefresh(refresh, names)),
        cooldowns: cooldowns.map(({ host, until }) => ({ host, until })),
        minutes: await this.service.listMinutes(),
        oldestDue: oldestDue && { dueAt: oldestDue.dueAt, host: oldestDue.host, refreshId: oldestDue.refreshId },
        actions: (await this.log.list(MAX_ACTIONS)).map(({ id, at, who, action, target, outcome }) => {
          const link = action.startsWith('refresh.') && outcome !== 'not_found' ? `refreshes/${target}` : null;
          return { id, at: at.toISOString(), who, action, target, outcome, link };
        }),
        counts: {
          ...counts,
          cooldowns: cooldowns.length,
          workers: alive,
          projects: (await this.projects.listProjects({ limit: 100 })).length,
        },
      };
    });
  }
}

function noWorker(alive: number, oldestDue: OldestDue | null): Finding[] {
  if (alive > 0 || oldestDue === null || oldestDue.secondsAgo < LATE_SECONDS) return [];
  return [
    {
      kind: 'no_worker',
      severity: 'bad',
      title: 'No worker runs, and tokens wait',
      advice: 'Start the service with a worker (RUN_MODE all or worker), and look into the log of the last one.',
      since: oldestDue.dueAt,
      link: 'workers',
    },
  ];
}

function longCooldowns(cooldowns: Awaited<ReturnType<ServiceOverview['listCooldowns']>>): Finding[] {
  return cooldowns
    .filter(({ secondsSince }) => secondsSince > LONG_COOLDOWN_SECONDS)
    .map(({ host, until, since }) => ({
      kind: 'host_cooldown',
      severity: 'warning',
      title: `${host} has asked for a pause of more than five minutes`,
      advice: `It is requested again after ${until}. Ask its owner to allow more requests, or lower its concurrency.`,
      since,
      link: `hosts/${encodeURIComponent(host)}`,
    }));
}
