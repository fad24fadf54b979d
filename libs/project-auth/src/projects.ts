import { EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { generateApiKey, hashApiKey } from './api-key.js';
import { ApiKey } from './api-key.entity.js';
import { parseAddress } from './ethereum-address.js';
import { ApiKeyNotFound, InvalidProject, OwnerAlreadyHasProject, ProjectNotFound } from './project-auth.errors.js';
import { ProjectDirectory, type CallingProject } from './project-directory.js';
import { checkLimits, type ProjectLimits } from './project-limits.js';
import { Project } from './project.entity.js';

export interface NewProject {
  name: string;
  /** `0x` and 40 hex digits; in mixed case, the EIP-55 checksum has to hold. */
  ownerAddress: string;
  /** A limit that is absent is the deployment's default; 0: none may. */
  limits?: Partial<ProjectLimits>;
}

export interface ProjectChange {
  name?: string | undefined;
  /** As in NewProject. The owner before can sign no longer. */
  ownerAddress?: string | undefined;
}

export interface ProjectQuery {
  /** 1–1,000; default 100. */
  limit?: number | undefined;
  /** Only projects behind this one, the last of the page before. */
  after?: Pick<Project, 'id' | 'createdAt'> | undefined;
}

/** An API key as it may be shown. The key itself is nowhere. */
export interface ShownApiKey {
  prefix: string;
  createdAt: Date;
  /** To the minute. */
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

/** Whatever filters the host has for all entities: ours have none of its columns. */
const ANYWAY = { filters: false } as const;

/** Projects and API keys in `nft_metadata`: what an operator does with them, and who a caller is. */
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

  /** In force with the next request. A limit that is not named stays. Throws ProjectNotFound, InvalidProject. */
  async setLimits(projectId: string, limits: Partial<ProjectLimits>): Promise<ProjectLimits> {
    checkLimits(limits);
    const em = this.em.fork();
    const project = await em.findOne(Project, { id: projectId }, ANYWAY);
    if (!project) throw new ProjectNotFound(projectId);
    em.assign(project, limits);
    await em.flush();
    const { requestsPerSecond = null, tokensPerRequest = null, tokensPerHour = null } = project;
    return { requestsPerSecond, tokensPerRequest, tokensPerHour };
  }

  /** Oldest first. */
  async listProjects({ limit = 100, after }: ProjectQuery = {}): Promise<Project[]> {
    const em = this.em.fork();
    // To the millisecond, which is what a Date holds: a row that was created within it is not lost between two pages.
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

  /** In force with the next request. What is not named stays. Throws ProjectNotFound, InvalidProject, OwnerAlreadyHasProject. */
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
   * With its API keys; nobody is let in for it from the next request on. Its collections, refreshes and webhooks are not
   * touched: whoever removes a project removes these before. Throws ProjectNotFound.
   */
  async removeProject(projectId: string): Promise<void> {
    const { rows } = await sql`
      with windows as (delete from nft_metadata.request_windows where key = ${projectId})
      delete from nft_metadata.projects where id = ${projectId} returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new ProjectNotFound(projectId);
  }

  /** Revoked ones too, oldest first. Throws ProjectNotFound. */
  async listApiKeys(projectId: string): Promise<ShownApiKey[]> {
    const em = this.em.fork();
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

  /** All that work, in force with the next request. Returns how many there were. */
  async revokeApiKeys(projectId: string): Promise<number> {
    const { rows } = await sql`
      update nft_metadata.api_keys set revoked_at = now()
      where project_id = ${projectId} and revoked_at is null
      returning id`.execute(this.em.fork().getKysely());
    return rows.length;
  }

  /** The key is returned here and nowhere again. Throws ProjectNotFound. */
  async createApiKey(projectId: string): Promise<string> {
    const em = this.em.fork();
    const project = await em.findOne(Project, { id: projectId }, ANYWAY);
    if (!project) throw new ProjectNotFound(projectId);
    const { key, prefix, hash } = generateApiKey();
    await em.persist(em.create(ApiKey, { project, prefix, hash })).flush();
    return key;
  }

  /** In force with the next request: keys are not cached. Throws ApiKeyNotFound. */
  async revokeApiKey(projectId: string, prefix: string): Promise<void> {
    const { rows } = await sql`
      update nft_metadata.api_keys set revoked_at = now()
      where project_id = ${projectId} and prefix = ${prefix} and revoked_at is null
      returning id`.execute(this.em.fork().getKysely());
    if (rows.length === 0) throw new ApiKeyNotFound(prefix);
  }

  override async findById(projectId: string): Promise<Project | null> {
    return this.em.fork().findOne(Project, { id: projectId }, ANYWAY);
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

  /** On the way of every request: one statement, and a second one at most once a minute for each key. */
  override async findByApiKey(key: string): Promise<CallingProject | null> {
    // By the hash of all of the key: whoever can time this look-up learns about hashes, not about keys.
    const { rows } = await sql<CallingProject & { keyId: string; noteUse: boolean }>`
      select project.id, project.name, project.owner_address as "ownerAddress",
        project.requests_per_second as "requestsPerSecond", project.tokens_per_request as "tokensPerRequest",
        project.tokens_per_hour as "tokensPerHour", api_key.id as "keyId",
        coalesce(api_key.last_used_at < now() - interval '1 minute', true) as "noteUse"
      from nft_metadata.api_keys as api_key
      join nft_metadata.projects as project on project.id = api_key.project_id
      where api_key.hash = ${hashApiKey(key)} and api_key.revoked_at is null`.execute(this.em.fork().getKysely());
    const [found] = rows;
    if (!found) return null;
    const { keyId, noteUse, ...project } = found;
    if (noteUse) await this.noteUse(keyId);
    return project;
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
