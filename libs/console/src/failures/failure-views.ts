import {
  BoundedReads,
  FailureOverview,
  type FailureFilter,
  type FailureGroup,
  type FailureGrouping,
  type FailureGroups,
  type PagePosition,
} from '@app/metadata-refresh';
import { Collections } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { adviceOn } from '../advice.js';
import { formatCursor } from '../cursor.js';
import { Names } from '../names.js';
import { maySee, type Person, scopeOf } from '../person.js';
import { RefreshViews } from '../refreshes/refresh-views.js';
import type { RefreshNames } from '../refreshes/refreshes.presenter.js';
import type { FailedTokens, Failures } from '../wire/failures.schema.js';

const TOKENS_SIZE = 50;
const SECONDS: Record<Failures['since'], number> = { '1h': 3600, '24h': 86_400, '7d': 604_800 };

/** Which failures a page is about. */
export interface WantedFailures {
  since: Failures['since'];
  reason?: string | undefined;
  host?: string | undefined;
  projectId?: string | undefined;
  collectionId?: string | undefined;
}

/** What pages show of tokens that failed. */
@Injectable()
export class FailureViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly failures: FailureOverview,
    private readonly refreshes: RefreshViews,
    private readonly collections: Collections,
    private readonly names: Names,
  ) {}

  groups(person: Person, by: FailureGrouping, wanted: WantedFailures): Promise<Failures> {
    return this.reads.run(async (now) => {
      const filter = await this.toFilter(person, wanted);
      const found = filter ? await this.failures.group(scopeOf(person), by, filter) : noFailures(now, wanted.since);
      const labelOf = await this.labels(person, by, found.groups);
      const names = await this.refreshes.namesOf(
        person,
        found.groups.flatMap(({ refreshes }) => refreshes),
      );
      return {
        now: now.toISOString(),
        since: wanted.since,
        group: by,
        from: found.from,
        isComplete: found.isComplete,
        tokens: found.tokens,
        groups: found.groups.map((group) => toGroup(group, { by, label: labelOf(group), names })),
      };
    });
  }

  tokens(person: Person, wanted: WantedFailures, after: PagePosition | undefined): Promise<FailedTokens> {
    return this.reads.run(async (now) => {
      const filter = await this.toFilter(person, wanted);
      if (!filter) return { now: now.toISOString(), rows: [], next: null };
      const { rows, next } = await this.failures.listTokens(scopeOf(person), filter, { limit: TOKENS_SIZE, after });
      const { projectOf, collectionOf } = await this.refreshes.namesOf(person, rows);
      return {
        now: now.toISOString(),
        rows: rows.map(
          ({ refreshId, projectId, collectionId, collectionAddress, tokenId, errorCode, reason, ...failure }) => ({
            ...adviceOn(errorCode, reason),
            refreshId,
            project: projectOf(projectId),
            collection: collectionOf(collectionId, collectionAddress),
            tokenId,
            errorCode,
            reason,
            statusCode: failure.statusCode,
            metadataUrl: failure.metadataUrl,
            body: failure.body,
            at: failure.at,
          }),
        ),
        next: next && formatCursor(next),
      };
    });
  }

  /** null: there are none, because there is no such collection, or it is not the person's. */
  private async toFilter(
    person: Person,
    { since, collectionId, ...rest }: WantedFailures,
  ): Promise<FailureFilter | null> {
    const filter = { ...rest, seconds: SECONDS[since] };
    if (collectionId === undefined) return filter;
    const collection = await this.collections.find(collectionId);
    return collection && maySee(person, collection.projectId) ? { ...filter, collection } : null;
  }

  private async labels(
    person: Person,
    by: FailureGrouping,
    groups: readonly FailureGroup[],
  ): Promise<(group: FailureGroup) => string> {
    const keys = groups.map(({ key }) => key);
    switch (by) {
      case 'reason':
      case 'host':
        return ({ key }) => key;
      case 'project': {
        const projectOf = await this.names.ofProjects(person, keys);
        return ({ key }) => (person.kind === 'partner' ? person.project.name : (projectOf(key)?.name ?? key));
      }
      case 'collection': {
        const collectionOf = await this.names.ofCollections(keys);
        return ({ key, collectionAddress }) => collectionOf(key, collectionAddress).name ?? collectionAddress;
      }
    }
  }
}

function toGroup(
  { key, errorCode, tokens, firstAt, lastAt, trend, where, refreshes }: FailureGroup,
  { by, label, names }: { by: FailureGrouping; label: string; names: RefreshNames },
): Failures['groups'][number] {
  return {
    key,
    label,
    advice: by === 'reason' ? adviceOn(errorCode, key) : null,
    tokens,
    firstAt,
    lastAt,
    trend,
    where: where.map((place) => ({ label: place.key, tokens: place.tokens })),
    refreshes: refreshes.map(({ id, projectId, collectionId, collectionAddress, tokens: ofRefresh }) => ({
      id,
      project: names.projectOf(projectId),
      collection: names.collectionOf(collectionId, collectionAddress),
      tokens: ofRefresh,
    })),
  };
}

function noFailures(now: Date, since: Failures['since']): FailureGroups {
  const from = new Date(now.getTime() - SECONDS[since] * 1000).toISOString();
  return { from, isComplete: true, tokens: 0, groups: [] };
}
