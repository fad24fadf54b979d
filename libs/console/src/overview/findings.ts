import { ChainStatuses, type ChainStatus } from '@app/chain-events';
import { EventOverview, type EventProblems } from '@app/metadata-events';
import {
  adviceFor,
  ProjectUsage,
  ServiceProblems,
  type OldestDue,
  type HostCooldown,
  type QueueProblems,
} from '@app/metadata-refresh';
import { ProjectDirectory } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import { Injectable, Optional } from '@nestjs/common';
import { codeOf } from '../advice.js';
import type { Finding } from '../wire/overview.schema.js';

/** A worker claims what is due within a second or two. */
const LATE_SECONDS = 5;
const LONG_COOLDOWN_SECONDS = 300;
/** Events are published within a second. */
const UNPUBLISHED_SECONDS = 10;
const LARGE_BACKLOG = 10_000;
/** Projects whose hour is looked at: those that have used the most tokens. */
const MAX_BUSY = 100;
const MAX_NAMED = 3;
const CHAIN_FAILING_SECONDS = 300;
const CHAIN_UNREAD_SECONDS = 900;
const CHAIN_LAG_BLOCKS = 100;

/** What the overview has read already. */
interface Known {
  now: Date;
  /** Workers that live. */
  workers: number;
  oldestDue: OldestDue | null;
  cooldowns: readonly HostCooldown[];
}

/** Finds out what needs an operator. Each finding is a rule about the present: it goes by itself when it is no longer true. */
@Injectable()
export class Findings {
  constructor(
    private readonly service: ServiceProblems,
    private readonly usage: ProjectUsage,
    private readonly projects: ProjectDirectory,
    /** Absent: the application does not import MetadataEventsModule. */
    @Optional() private readonly events?: EventOverview,
    /** Absent: the application does not import ChainEventsModule. */
    @Optional() private readonly chains?: ChainStatuses,
  ) {}

  /** In a bounded read; the worst first. */
  async read({ now, workers, oldestDue, cooldowns }: Known): Promise<Finding[]> {
    const problems = await this.service.read();
    const events = await this.events?.readProblems();
    const found = [
      ...noWorker(workers, oldestDue),
      // Without a worker, all lanes wait.
      ...(workers > 0 ? waitingLanes(problems) : []),
      ...(events ? [...unpublished(events, now), ...failingReaders(events)] : []),
      ...lostClaims(problems),
      ...longCooldowns(cooldowns),
      ...frequentReasons(problems),
      ...growingBacklog(problems),
      ...(await this.usedUpHours()),
      ...((await this.chains?.list()) ?? []).flatMap(lateChain),
      ...expiredRefreshes(problems),
    ];
    return found.toSorted((one, other) => Number(one.severity !== 'bad') - Number(other.severity !== 'bad'));
  }

  private async usedUpHours(): Promise<Finding[]> {
    const projects = await this.projects.findAllById(await this.usage.listBusiest(MAX_BUSY));
    const uses = await this.usage.read(projects.map(asRefreshingProject));
    const usedUp = projects.flatMap(({ id, name }, index) => {
      const { quota } = uses[index]!;
      return quota.remaining === 0 && quota.limit > 0 ? [{ id, name, quota }] : [];
    });
    return usedUp.slice(0, MAX_NAMED).map(({ id, name, quota }) => ({
      kind: 'quota_used_up',
      severity: 'warning',
      title: `${name} has used up its quota of ${format(quota.limit)} tokens per hour`,
      advice: `Its next requests are refused until ${toTime(quota.resetsAt)}. Raise its limit if it needs more.`,
      since: null,
      link: `projects/${encodeURIComponent(id)}`,
    }));
  }
}

function noWorker(workers: number, oldestDue: OldestDue | null): Finding[] {
  if (workers > 0 || oldestDue === null || oldestDue.secondsAgo < LATE_SECONDS) return [];
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

function waitingLanes({ lanes }: QueueProblems): Finding[] {
  return lanes.map(({ kind, host, refreshId, dueAt }) =>
    kind === 'unserved'
      ? {
          kind: 'refresh_stuck',
          severity: 'bad',
          title: `Tokens of ${host} are due, and no worker takes them`,
          advice: 'Workers live and the host is in no cooldown: look into their log for errors of the database.',
          since: dueAt,
          link: `refreshes/${refreshId}`,
        }
      : {
          kind: 'interactive_slow',
          severity: 'warning',
          title: `A small request to ${host} has waited for more than a minute`,
          advice: 'Its host responds slowly, or all its requests at once are in use: its page says which.',
          since: dueAt,
          link: `hosts/${encodeURIComponent(host)}`,
        },
  );
}

function unpublished({ unpublishedSince }: EventProblems, now: Date): Finding[] {
  if (unpublishedSince === null) return [];
  if (now.getTime() - Date.parse(unpublishedSince) < UNPUBLISHED_SECONDS * 1000) return [];
  return [
    {
      kind: 'outbox_behind',
      severity: 'bad',
      title: 'Events are written and not published',
      advice:
        'Neither webhooks nor consumers receive anything. Start a process that delivers events (RUN_MODE all or worker).',
      since: unpublishedSince,
      link: 'webhooks',
    },
  ];
}

function failingReaders({ webhooks, consumers }: EventProblems): Finding[] {
  return [
    ...webhooks.map(({ id, url, state, failingSince, disabledAt, lastError }): Finding => {
      const { host } = new URL(url);
      const link = `webhooks/${id}`;
      const why = lastError === null ? '' : ` The last time: ${lastError}.`;
      return state === 'disabled'
        ? {
            kind: 'webhook_disabled',
            severity: 'warning',
            title: `The webhook at ${host} was disabled`,
            advice: `It receives nothing more until somebody enables it.${why}`,
            since: disabledAt,
            link,
          }
        : {
            kind: 'webhook_failing',
            severity: 'warning',
            title: `The webhook at ${host} has failed for more than an hour`,
            advice: `Its events wait. Ask its owner to mend the receiver.${why}`,
            since: failingSince,
            link,
          };
    }),
    ...consumers.map(({ name, failingSince, lastError }): Finding => ({
      kind: 'consumer_failing',
      severity: 'bad',
      title: `The consumer ${name} has failed for more than an hour`,
      advice: `Its events wait: mend its handler in the application. The last time: ${lastError ?? 'it threw'}.`,
      since: failingSince,
      link: 'webhooks',
    })),
  ];
}

function lostClaims({ lostTokens }: QueueProblems): Finding[] {
  if (lostTokens === 0) return [];
  return [
    {
      kind: 'lost_claims',
      severity: 'warning',
      title: `The worker of ${format(lostTokens)} ${lostTokens === 1 ? 'token' : 'tokens'} did not report back`,
      advice:
        'They are tried again. A worker was killed, ran out of memory, or lost the database: look at the workers.',
      since: null,
      link: 'workers',
    },
  ];
}

function longCooldowns(cooldowns: Known['cooldowns']): Finding[] {
  return cooldowns
    .filter(({ secondsSince }) => secondsSince > LONG_COOLDOWN_SECONDS)
    .map(({ host, until, since }) => ({
      kind: 'host_cooldown',
      severity: 'warning',
      title: `${host} has asked for one pause after the other for more than five minutes`,
      advice: `It is requested again after ${toTime(new Date(until))}. Ask its owner to allow more requests, or lower its concurrency.`,
      since,
      link: `hosts/${encodeURIComponent(host)}`,
    }));
}

function frequentReasons({ reasons }: QueueProblems): Finding[] {
  return reasons.map(({ reason, lastHour, hourBefore }) => {
    return {
      kind: 'reason_tripled',
      severity: 'warning',
      title: `${format(lastHour)} requests failed with ${reason} in the last hour, and ${format(hourBefore)} in the hour before`,
      // The sentences speak to the owners of metadata.
      advice: `Look at the hosts that it concerns. Their owners read: “${adviceFor(codeOf(reason), reason)}”`,
      since: null,
      link: `failures?since=1h&group=reason&reason=${encodeURIComponent(reason)}`,
    };
  });
}

function growingBacklog({ backlog: { waiting, isGrowing } }: QueueProblems): Finding[] {
  if (!isGrowing || waiting < LARGE_BACKLOG) return [];
  return [
    {
      kind: 'backlog_growing',
      severity: 'warning',
      title: `More tokens are requested than fetched: ${format(waiting)} wait`,
      advice:
        'It has been so for two hours. Run more workers, or let the hosts that are waited for take more requests.',
      since: null,
      link: 'hosts',
    },
  ];
}

function lateChain(chain: ChainStatus): Finding[] {
  const { chainId, state, collections, failingSeconds, failingSince, lastError, unreadSeconds, readAt } = chain;
  if (state === 'off' || collections === 0) return [];
  const about = { kind: 'chain_failing', severity: 'warning', link: 'chain' } as const;
  if (failingSeconds > CHAIN_FAILING_SECONDS) {
    return [
      {
        ...about,
        title: `No node of chain ${chainId} can be read`,
        advice: `Events of its contracts are late. The last time: ${lastError ?? 'no response'}.`,
        since: failingSince?.toISOString() ?? null,
      },
    ];
  }
  if (unreadSeconds !== null && unreadSeconds > CHAIN_UNREAD_SECONDS) {
    return [
      {
        ...about,
        title: `Nobody reads chain ${chainId}`,
        advice: 'Start a process that watches chains (RUN_MODE all or worker).',
        since: readAt?.toISOString() ?? null,
      },
    ];
  }
  const behind = (chain.headBlock ?? 0) - (chain.readBlock ?? chain.headBlock ?? 0);
  if (behind <= CHAIN_LAG_BLOCKS) return [];
  return [
    {
      ...about,
      title: `Chain ${chainId} is ${format(behind)} blocks behind its head`,
      advice: 'Its provider allows too few blocks in one call, or too few calls.',
      since: null,
    },
  ];
}

function expiredRefreshes({ expiredSince }: QueueProblems): Finding[] {
  if (expiredSince === null) return [];
  return [
    {
      kind: 'retention_behind',
      severity: 'warning',
      title: 'Expired refreshes are not deleted, and the database grows',
      advice:
        'A process with a worker deletes them once an hour: look into its log for "expired refreshes not deleted".',
      since: null,
      link: 'workers',
    },
  ];
}

function format(count: number): string {
  return count.toLocaleString('en');
}

/** Such as `14:06 UTC`. */
function toTime(time: Date): string {
  return `${time.toISOString().slice(11, 16)} UTC`;
}
