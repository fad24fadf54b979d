import {
  BoundedReads,
  HostOverview,
  ServiceOverview,
  type AlarmingState,
  type ListedHost,
} from '@app/metadata-refresh';
import { Injectable } from '@nestjs/common';
import { adviceOn, codeOf } from '../advice.js';
import { notFound } from '../console.errors.js';
import { Names } from '../names.js';
import { scopeOf, type Person } from '../person.js';
import type { Host, HostList } from '../wire/host.schema.js';
import type { RefreshDetails } from '../wire/refresh.schema.js';
import type { WorkerList } from '../wire/worker.schema.js';

const MAX_COOLDOWNS = 100;

/** What pages show of metadata hosts, and of the workers that ask them. */
@Injectable()
export class HostViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly hosts: HostOverview,
    private readonly service: ServiceOverview,
    private readonly names: Names,
  ) {}

  list(person: Person, state: AlarmingState | undefined): Promise<HostList> {
    return this.reads.run(async (now) => {
      const { hosts, total } = await this.hosts.list(scopeOf(person), state);
      return { now: now.toISOString(), rows: hosts.map((host) => toListed(person, host)), total, next: null };
    });
  }

  host(person: Person, name: string): Promise<Host> {
    return this.reads.run(async (now) => {
      const scope = scopeOf(person);
      const host = await this.hosts.find(scope, name);
      if (!host) throw notFound();
      const waiting = await this.hosts.listWaiting(scope, name);
      const projectOf = await this.names.ofProjects(
        person,
        waiting.map(({ projectId }) => projectId),
      );
      const collectionOf = await this.names.ofCollections(waiting.map(({ collectionId }) => collectionId));
      const minutes = await this.hosts.listMinutes(name);
      const cooldowns = await this.hosts.listCooldowns(name, MAX_COOLDOWNS);
      const { firstUsedAt, ownLimit } = await this.hosts.findSettings(name);
      const isOperator = person.kind === 'operator';
      const members = isOperator ? await this.hosts.listMembers(name) : [];
      return {
        now: now.toISOString(),
        host: {
          ...toListed(person, host),
          firstAskedAt: firstUsedAt,
          minutes: minutes.map(({ throttled, ...minute }) => ({ ...minute, refused: throttled })),
          cooldowns,
          waits: waiting.map(
            ({ projectId, collectionId, collectionAddress, upTo10, upTo100, larger, isMore, oldestDueAt }) => ({
              project: projectOf(projectId),
              collection: collectionOf(collectionId, collectionAddress),
              upTo10: { count: upTo10, isMore: false },
              upTo100: { count: upTo100, isMore: false },
              larger: { count: larger, isMore },
              oldestDueAt,
            }),
          ),
          workers: members.map(({ workerId, name: worker, share, inFlight, joinedAt, lastHeartbeatAt }) => {
            return {
              id: workerId,
              name: worker ?? 'A validation',
              share,
              inUse: inFlight,
              since: joinedAt,
              lastHeartbeatAt,
            };
          }),
          failures: (await this.hosts.listFailures(name)).map(({ reason, tokens }) => {
            return { ...adviceOn(codeOf(reason), reason), reason, tokens };
          }),
          why: toWhy(host),
          ownLimit,
          actions: {
            endCooldown: isOperator && person.mayAct && host.cooldownUntil !== null,
            setConcurrency: isOperator && person.mayAct,
          },
        },
      };
    });
  }

  workers(): Promise<WorkerList> {
    return this.reads.run(async (now) => {
      const workers = await this.service.listWorkers();
      return {
        now: now.toISOString(),
        rows: workers.map(({ hosts, ...worker }) => ({
          ...worker,
          hosts: hosts.map(({ host, share, inFlight }) => ({ host, share, inUse: inFlight })),
        })),
      };
    });
  }

  /** For the page of a refresh. */
  async summary(host: string): Promise<RefreshDetails['refresh']['host']> {
    const { cooldownUntil, limit, allowed, inFlight, medianMs, p95Ms } = await this.hosts.summary(host);
    return {
      host,
      cooldown: cooldownUntil === null ? null : { host, until: cooldownUntil },
      concurrency: { limit, inForce: allowed, inUse: inFlight },
      medianMs,
      p95Ms,
    };
  }

  async cooldownSince(host: string): Promise<string | null> {
    return (await this.hosts.listCooldowns(host, 1))[0]?.from ?? null;
  }
}

function toListed(person: Person, host: ListedHost): HostList['rows'][number] {
  const { waiting, oldestDueAt, projects, others, responses, goodResponses, lastMinute, medianMs, p95Ms } = host;
  return {
    host: host.host,
    state: host.state,
    cooldownUntil: host.cooldownUntil,
    concurrency: { limit: host.limit, inForce: host.allowed, inUse: host.inFlight },
    waiting,
    oldestDueAt,
    responses,
    good: responses === 0 ? null : goodResponses / responses,
    perSecond: lastMinute / 60,
    medianMs,
    p95Ms,
    projects,
    others: person.kind === 'partner' ? others : null,
  };
}

const LIMITED_BY: Record<ListedHost['limitedBy'], string> = {
  operator: 'requests may be open: an operator has set this limit',
  collection: 'requests may be open: a collection of this host asks for no more',
  default: 'requests may be open: the default for a host',
};

/** The tightest limit last. */
function toWhy({ limit, limitedBy, allowed, medianMs, cooldownUntil }: ListedHost): Host['host']['why'] {
  const isSlowed = allowed !== null && allowed < limit;
  const isResting = cooldownUntil !== null;
  return [
    { value: String(limit), text: LIMITED_BY[limitedBy], isInForce: !isSlowed && !isResting },
    ...(isSlowed
      ? [
          {
            value: String(allowed),
            text: 'are allowed now, after slow or refused responses; more as it responds well',
            isInForce: !isResting,
          },
        ]
      : []),
    ...(medianMs === null
      ? []
      : [{ value: `${medianMs} ms`, text: 'is what half of the responses take', isInForce: false }]),
    ...(isResting ? [{ value: '0', text: `until ${cooldownUntil}: the host has asked for it`, isInForce: true }] : []),
  ];
}
