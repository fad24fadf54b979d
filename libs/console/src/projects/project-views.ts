import {
  BoundedReads,
  MetadataRefreshService,
  ProjectUsage,
  RefreshPages,
  type ProjectUse,
} from '@app/metadata-refresh';
import { Projects, RequestRate } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { notFound } from '../console.errors.js';
import { formatCursor } from '../cursor.js';
import { Names } from '../names.js';
import { maySee, type Person } from '../person.js';
import { RefreshViews } from '../refreshes/refresh-views.js';
import { toQuota, toRefresh } from '../refreshes/refreshes.presenter.js';
import type { Limits, Project, ProjectList } from '../wire/project.schema.js';

const LIST_SIZE = 50;
const MAX_COLLECTIONS = 100;
const MAX_REFRESHES = 5;

type StoredProject = Awaited<ReturnType<Projects['listProjects']>>[number];

/** What pages show of projects, their keys and collections. */
@Injectable()
export class ProjectViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly projects: Projects,
    private readonly usage: ProjectUsage,
    private readonly refreshes: MetadataRefreshService,
    private readonly pages: RefreshPages,
    private readonly refreshViews: RefreshViews,
    private readonly collections: Collections,
    private readonly rate: RequestRate,
    private readonly names: Names,
  ) {}

  /** Those of the person, oldest first. */
  list(person: Person, after: { createdAt: string; id: string } | undefined): Promise<ProjectList> {
    return this.reads.run(async (now) => {
      const found =
        person.kind === 'partner'
          ? await this.own(person.project.id)
          : await this.projects.listProjects({
              limit: LIST_SIZE + 1,
              after: after && { id: after.id, createdAt: new Date(after.createdAt) },
            });
      const shown = found.slice(0, LIST_SIZE);
      const last = found.length > shown.length ? shown.at(-1)! : undefined;
      return {
        now: now.toISOString(),
        rows: await this.withUse(shown),
        next: last ? formatCursor({ createdAt: last.createdAt.toISOString(), id: last.id }) : null,
      };
    });
  }

  project(person: Person, projectId: string): Promise<Project> {
    return this.reads.run(async (now) => {
      const project = await this.get(person, projectId);
      const [fields] = await this.withUse([project]);
      const collections = await this.collections.list({ projectId, limit: MAX_COLLECTIONS });
      const { rows } = await this.pages.list({ projectId }, { limit: MAX_REFRESHES });
      const names = await this.refreshViews.namesOf(person, rows);
      const mayChange = person.kind === 'operator' && person.mayAct;
      const { requestsPerSecond, tokensPerRequest, tokensPerSelection, tokensPerHour } = project;
      return {
        now: now.toISOString(),
        project: {
          ...fields!,
          limits: {
            own: {
              requestsPerSecond: requestsPerSecond ?? null,
              tokensPerRequest: tokensPerRequest ?? null,
              tokensPerSelection: tokensPerSelection ?? null,
              tokensPerHour: tokensPerHour ?? null,
            },
            effective: await this.effectiveLimits(project),
          },
          apiKeys: (await this.projects.listApiKeys(projectId)).map(toApiKey),
          collectionList: await this.toCollectionList(collections),
          refreshes: rows.map((refresh) => toRefresh(refresh, names)),
          actions: { setLimits: mayChange, revokeKeys: mayChange },
        },
      };
    });
  }

  /** Throws Refused for one that is not in the scope of the person. */
  async get(person: Person, projectId: string): Promise<StoredProject> {
    const project = maySee(person, projectId) ? await this.projects.findById(projectId) : null;
    if (!project) throw notFound();
    return project;
  }

  private async own(projectId: string): Promise<StoredProject[]> {
    const project = await this.projects.findById(projectId);
    return project ? [project] : [];
  }

  private async withUse(projects: readonly StoredProject[]): Promise<ProjectList['rows']> {
    const ids = projects.map(({ id }) => id);
    const uses = await this.usage.read(projects.map(asRefreshingProject));
    const [keys, collections] = [await this.projects.countApiKeys(ids), await this.collections.countByProject(ids)];
    return projects.map(({ id, name, ownerAddress, createdAt }, index) => ({
      id,
      name,
      ownerAddress,
      createdAt: createdAt.toISOString(),
      ...toUse(uses[index]!),
      keys: keys.get(id) ?? 0,
      collections: collections.get(id) ?? 0,
    }));
  }

  private async effectiveLimits(project: StoredProject): Promise<Limits['limits']> {
    const { tokensPerRequest, tokensPerSelection, tokensPerHour } = await this.refreshes.readLimits(
      asRefreshingProject(project),
    );
    return {
      requestsPerSecond: this.rate.limitOf(project),
      tokensPerRequest,
      tokensPerSelection,
      tokensPerHour: tokensPerHour.limit,
    };
  }

  private async toCollectionList(collections: readonly Collection[]): Promise<Project['project']['collectionList']> {
    const ids = collections.map(({ id }) => id);
    const [nameOf, tokens] = [await this.names.ofCollections(ids), await this.collections.countTokens(ids)];
    return collections.map((collection) => ({
      ...nameOf(collection.id, collection.address),
      tokens: tokens.get(collection.id) ?? 0,
      source: collection.sourceKind,
      metadataUrl: collection.metadataUrl ?? null,
      pushPolicy: collection.effectivePushPolicy(),
    }));
  }
}

function toUse({ quota, lastRefreshAt }: ProjectUse): Pick<ProjectList['rows'][number], 'quota' | 'lastRefreshAt'> {
  return { quota: toQuota(quota), lastRefreshAt };
}

/** Without anything secret: the key itself is not stored. */
export function toApiKey({
  prefix,
  createdAt,
  lastUsedAt,
  revokedAt,
}: Awaited<ReturnType<Projects['listApiKeys']>>[number]): Limits['apiKeys'][number] {
  return {
    prefix,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
