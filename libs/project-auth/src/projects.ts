import { EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql, type RawBuilder } from 'kysely';
import { generateApiKey, hashApiKey } from './api-key.js';
import { ApiKey } from './api-key.entity.js';
import { parseAddress } from './ethereum-address.js';
import { ApiKeyNotFound, InvalidProject, OwnerAlreadyHasProject, ProjectNotFound } from './project-auth.errors.js';
import { ProjectDirectory, type CallingProject, type IdentifiedApiKey } from './project-directory.js';
import { checkLimits, type ProjectLimits } from './project-limits.js';
import { Project } from './project.entity.js';

/** A project to create. */
export interface NewProject {
  name: string;
  /** `0x` and 40 hex digits; a mixed-case address must have a valid EIP-55 checksum. */
  ownerAddress: string;
  /** An absent limit is the deployment's default; 0 blocks every request. */
  limits?: Partial<ProjectLimits>;
}

/** Changes of a project. Absent fields do not change. */
export interface ProjectChange {
  name?: string | undefined;
  /** As in NewProject. The previous owner can no longer sign. */
  ownerAddress?: string | undefined;
}

/** A page of the list of projects. */
export interface ProjectQuery {
  /** 1–1,000; default 100. */
  limit?: number | undefined;
  /** Only projects after this one, the last of the previous page. */
  after?: Pick<Project, 'id' | 'createdAt'> | undefined;
}

/** The public data of an API key. The key itself is not stored. */
export interface ShownApiKey {
  prefix: string;
  createdAt: Date;
  /** Exact to the minute. */
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

/** Ignores filters that the host application sets for all entities: they name columns that our entities do not have. */
const ANYWAY = { filters: false } as const;

/** Projects and API keys in `nft_metadata`: manages them, and finds callers. */
@Injectable()
export class Projects extends ProjectDirectory {
  constructor(private readonly em: EntityManager) {
    super();
  }

  /** Throws InvalidProject, OwnerAlreadyHasProject. */
  async createProject({ name, ownerAddress, limits = {} }: NewProject): Promise<Project> {
    if (name.trim() === '') throw new InvalidProject('A project needs a name.');
    checkLimits(limits);
    const em = this.em.fork();
    const project = em.create(Project, { name: name.trim(), ownerAddress: parseOwner(ownerAddress), ...limits });
    try {
      await em.persist(project).flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) throw new OwnerAlreadyHasProject(ownerAddress);
      throw error;
    }
    return project;
  }

  /** Takes effect with the next request. Absent limits do not change. Throws ProjectNotFound, InvalidProject. */
  async setLimits(projectId: string, limits: Partial<ProjectLimits>): Promise<ProjectLimits> {
    checkLimits(limits);
    const em = this.em.fork();
    const project = await em.findOne(Project, { id: projectId }, ANYWAY);
    if (!project) throw new ProjectNotFound(projectId);
    em.assign(project, limits);
    await em.flush();
    const {
      requestsPerSecond = null,
      tokensPerRequest = null,
      tokensPerHour = null,
      tokensPerSelection = null,
    } = project;
    return { requestsPerSecond, tokensPerRequest, tokensPerHour, tokensPerSelection };
  }

  /** Oldest first. */
  async listProjects({ limit = 100, after }: ProjectQuery = {}): Promise<Project[]> {
    const em = readingFrom(this.em);
    // Compares milliseconds, which is what a Date holds, so that a row created within the same one is not lost between two
    // pages.
    const createdAt = sql`date_trunc('milliseconds', created_at)`;
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.projects
      where ${after?.id ?? null}::text is null
        or (${createdAt}, id) > (${after?.createdAt.toISOString() ?? null}::timestamptz, ${after?.id ?? null}::text)
      order by ${createdAt}, id
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(em.getKysely());
    const ids = rows.map(({ id }) => id);
    const found = await em.find(Project, { id: { $in: ids } }, ANYWAY);
    const byId = new Map(found.map((project) => [project.id, project]));
    return ids.map((id) => byId.get(id)).filter((project) => project !== undefined);
  }

  /** Counts up to `limit`. */
  async countProjects(limit: number): Promise<number> {
    const { rows } = await sql<{ projects: number }>`
      select count(*)::int as projects from (select from nft_metadata.projects limit ${limit}) as counted`.execute(
      readingFrom(this.em).getKysely(),
    );
    return rows[0]!.projects;
  }

  /** The valid keys of each project that has any. */
  async countApiKeys(projectIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await sql<{ id: string; keys: number }>`
      select project_id as id, count(*)::int as keys from nft_metadata.api_keys
      where project_id = any(${[...projectIds]}::text[]) and revoked_at is null
      group by project_id`.execute(readingFrom(this.em).getKysely());
    return new Map(rows.map(({ id, keys }) => [id, keys]));
  }

  /**
   * Takes effect with the next request. Absent fields do not change. Throws ProjectNotFound, InvalidProject,
   * OwnerAlreadyHasProject.
   */
  async updateProject(projectId: string, { name, ownerAddress }: ProjectChange): Promise<Project> {
    if (name?.trim() === '') throw new InvalidProject('A project needs a name.');
    const em = this.em.fork();
    const project = await em.findOne(Project, { id: projectId }, ANYWAY);
    if (!project) throw new ProjectNotFound(projectId);
    if (name !== undefined) project.name = name.trim();
    if (ownerAddress !== undefined) project.ownerAddress = parseOwner(ownerAddress);
    try {
      await em.flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) throw new OwnerAlreadyHasProject(ownerAddress!);
      throw error;
    }
    return project;
  }

  /**
   * Removes a project and its API keys, which are refused from the next request on. Does not remove its collections,
   * refreshes and webhooks: remove these first. Throws ProjectNotFound.
   */
  async removeProject(projectId: string): Promise<void> {
    const { rows } = await sql`
      with windows as (delete from nft_metadata.request_windows where key = ${projectId})
      delete from nft_metadata.projects where id = ${projectId} returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new ProjectNotFound(projectId);
  }

  /** Includes revoked keys, oldest first. Throws ProjectNotFound. */
  async listApiKeys(projectId: string): Promise<ShownApiKey[]> {
    const em = readingFrom(this.em);
    if (!(await em.findOne(Project, { id: projectId }, ANYWAY))) throw new ProjectNotFound(projectId);
    const keys = await em.find(
      ApiKey,
      { project: projectId },
      { ...ANYWAY, orderBy: { createdAt: 'asc', prefix: 'asc' } },
    );
    return keys.map(({ prefix, createdAt, lastUsedAt = null, revokedAt = null }) => ({
      prefix,
      createdAt,
      lastUsedAt,
      revokedAt,
    }));
  }

  /** Revokes all keys, from the next request on. Returns how many there were. */
  async revokeApiKeys(projectId: string): Promise<number> {
    const { rows } = await sql`
      update nft_metadata.api_keys set revoked_at = now()
      where project_id = ${projectId} and revoked_at is null
      returning id`.execute(this.em.fork().getKysely());
    return rows.length;
  }

  /** The key is returned only here. Throws ProjectNotFound. */
  async createApiKey(projectId: string): Promise<string> {
    const em = this.em.fork();
    const project = await em.findOne(Project, { id: projectId }, ANYWAY);
    if (!project) throw new ProjectNotFound(projectId);
    const { key, prefix, hash } = generateApiKey();
    await em.persist(em.create(ApiKey, { project, prefix, hash })).flush();
    return key;
  }

  /** Takes effect with the next request, since keys are not cached. Throws ApiKeyNotFound. */
  async revokeApiKey(projectId: string, prefix: string): Promise<void> {
    const { rows } = await sql`
      update nft_metadata.api_keys set revoked_at = now()
      where project_id = ${projectId} and prefix = ${prefix} and revoked_at is null
      returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new ApiKeyNotFound(prefix);
  }

  override async findById(projectId: string): Promise<Project | null> {
    return readingFrom(this.em).findOne(Project, { id: projectId }, ANYWAY);
  }

  override async findAllById(projectIds: readonly string[]): Promise<Project[]> {
    return readingFrom(this.em).find(Project, { id: { $in: [...projectIds] } }, ANYWAY);
  }

  /** Throws ProjectNotFound. */
  async getById(projectId: string): Promise<Project> {
    const project = await this.findById(projectId);
    if (!project) throw new ProjectNotFound(projectId);
    return project;
  }

  override async findByOwner(address: string): Promise<Project | null> {
    return this.em.fork().findOne(Project, { ownerAddress: address.toLowerCase() }, ANYWAY);
  }

  /** Part of every request: one statement, and a second one at most once a minute for each key. */
  override async findByApiKey(key: string): Promise<CallingProject | null> {
    return (await this.identifyApiKey(key))?.project ?? null;
  }

  override async identifyApiKey(key: string): Promise<IdentifiedApiKey | null> {
    // Looks up the hash of the whole key, so that the duration of the look-up says nothing about the key.
    return this.findKey(sql`api_key.hash = ${hashApiKey(key)}`);
  }

  override async findByApiKeyId(keyId: string): Promise<CallingProject | null> {
    return (await this.findKey(sql`api_key.id = ${keyId}::uuid`))?.project ?? null;
  }

  private async findKey(condition: RawBuilder<unknown>): Promise<IdentifiedApiKey | null> {
    const { rows } = await sql<CallingProject & { keyId: string; noteUse: boolean }>`
      select project.id, project.name, project.owner_address as "ownerAddress",
        project.requests_per_second as "requestsPerSecond", project.tokens_per_request as "tokensPerRequest",
        project.tokens_per_hour as "tokensPerHour", project.tokens_per_selection as "tokensPerSelection", api_key.id as "keyId",
        coalesce(api_key.last_used_at < now() - interval '1 minute', true) as "noteUse"
      from nft_metadata.api_keys as api_key
      join nft_metadata.projects as project on project.id = api_key.project_id
      where ${condition} and api_key.revoked_at is null`.execute(this.em.fork().getKysely());
    const [found] = rows;
    if (!found) return null;
    const { keyId, noteUse, ...project } = found;
    if (noteUse) await this.noteUse(keyId);
    return { keyId, project };
  }

  private async noteUse(apiKeyId: string): Promise<void> {
    await sql`
      update nft_metadata.api_keys set last_used_at = now()
      where id = ${apiKeyId}::uuid and (last_used_at is null or last_used_at < now() - interval '1 minute')`.execute(
      this.em.fork().getKysely(),
    );
  }
}

function parseOwner(text: string): string {
  const address = parseAddress(text);
  if (address) return address.toLowerCase();
  throw new InvalidProject(
    `Owner ${JSON.stringify(text)} is not an address: 0x and 40 hex digits, with a valid checksum if in mixed case.`,
  );
}
