import { EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { readingFrom } from '@app/database';
import { parseMetadataUrl } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Collection, type CollectionSource } from './collection.entity.js';
import { PUSH_POLICIES, type PushPolicy } from './push-policy.js';
import { URI_RULES } from './uri-rules.js';
import { CollectionRemoval } from './collection-removal.js';
import { CollectionAlreadyExists, InvalidCollection, UnknownCollection } from './token-store.errors.js';

/** A collection to register. */
export interface NewCollection {
  chainId: number;
  /** `0x` and 40 hex digits, in any case. */
  address: string;
  projectId: string;
  /** The URL of a Metadata API is trimmed; any other mistake in it is an InvalidCollection. */
  source: CollectionSource;
  /** Concurrent requests to its metadata host from all processes together, 1–1,000; default: the deployment's. */
  hostConcurrency?: number | undefined;
  /** Whether a fetch may replace metadata that was pushed. Default: not if the source is `pushed`, else yes. */
  pushPolicy?: PushPolicy | undefined;
}

/** A page of the list of collections. */
export interface CollectionQuery {
  /** Absent: collections of all projects. */
  projectId?: string | undefined;
  /** 1–1,000; default 100. */
  limit?: number | undefined;
  /** Only collections after this one, the last of the previous page. */
  after?: Pick<Collection, 'id' | 'createdAt'> | undefined;
}

/** A page of the collections on a chain. */
export interface ChainQuery {
  chainId: number;
  direction: 'asc' | 'desc';
  /** An id. Absent: from the first one, or the last. */
  from?: string | undefined;
  limit: number;
}

/** Changes of a collection. Absent fields do not change. */
export interface CollectionChange {
  source?: CollectionSource | undefined;
  /** As in NewCollection; null: the deployment's default. */
  hostConcurrency?: number | null | undefined;
  /** As in NewCollection; null: the default. */
  pushPolicy?: PushPolicy | null | undefined;
}

/** The collections that can be refreshed. */
@Injectable()
export class Collections {
  constructor(
    private readonly em: EntityManager,
    private readonly removal: CollectionRemoval,
  ) {}

  /** Throws InvalidCollection, CollectionAlreadyExists. */
  async add({ chainId, address, projectId, source, hostConcurrency, pushPolicy }: NewCollection): Promise<Collection> {
    if (!/^0x[0-9a-fA-F]{40}$/.test(address)) {
      throw new InvalidCollection(`Address ${JSON.stringify(address)} is not 0x and 40 hex digits.`);
    }
    if (!Number.isSafeInteger(chainId) || chainId < 1) {
      throw new InvalidCollection(
        `Chain ${chainId} is not a chain id: a positive whole number, such as 1 for Ethereum.`,
      );
    }
    if (hostConcurrency !== undefined && !isWithin(hostConcurrency, 1, 1000)) {
      throw new InvalidCollection(`Host concurrency ${hostConcurrency} is not a whole number from 1 to 1000.`);
    }
    const metadataUrl = source.kind === 'metadata_api' ? checkedMetadataUrl(source.url) : null;
    if (source.kind === 'chain') checkUriRule(source.uriRule);
    checkPushPolicy(pushPolicy ?? null);

    const em = this.em.fork();
    const collection = em.create(Collection, {
      chainId,
      address: address.toLowerCase(),
      projectId,
      sourceKind: source.kind,
      metadataUrl,
      uriRule: source.kind === 'chain' ? source.uriRule : null,
      hostConcurrency: hostConcurrency ?? null,
      pushPolicy: pushPolicy ?? null,
    });
    try {
      await em.persist(collection).flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) throw new CollectionAlreadyExists({ chainId, address });
      throw error;
    }
    return collection;
  }

  /** null: it is not registered, or is being removed. */
  async find(collectionId: string): Promise<Collection | null> {
    return readingFrom(this.em).findOne(Collection, { id: collectionId, removedAt: null }, { filters: false });
  }

  /** A contract address can be in use on several chains; normally this is one collection or none. */
  async findByAddress(address: string): Promise<Collection[]> {
    // Global filters of the host application name columns that our entities do not have.
    const options = { orderBy: { chainId: 'asc' }, filters: false } as const;
    return readingFrom(this.em).find(Collection, { address: address.toLowerCase(), removedAt: null }, options);
  }

  /** In no particular order, without those that are not registered. */
  async findAll(collectionIds: readonly string[]): Promise<Collection[]> {
    const where = { id: { $in: [...collectionIds] }, removedAt: null };
    return readingFrom(this.em).find(Collection, where, { filters: false });
  }

  /** Collections of one project or of all projects, oldest first. */
  async list({ projectId, limit = 100, after }: CollectionQuery = {}): Promise<Collection[]> {
    const em = readingFrom(this.em);
    // A Date holds milliseconds: comparing microseconds would lose rows between two pages.
    const createdAt = sql`date_trunc('milliseconds', created_at)`;
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.collections
      where removed_at is null
        and (${projectId ?? null}::text is null or project_id = ${projectId ?? null}::text)
        and (${after?.id ?? null}::uuid is null
          or (${createdAt}, id) > (${after?.createdAt.toISOString() ?? null}::timestamptz, ${after?.id ?? null}::uuid))
      order by ${createdAt}, id
      limit ${Math.min(Math.max(limit, 1), 1000)}`.execute(em.getKysely());
    const ids = rows.map(({ id }) => id);
    const found = await em.find(Collection, { id: { $in: ids } }, { filters: false });
    const byId = new Map(found.map((collection) => [collection.id, collection]));
    return ids.map((id) => byId.get(id)).filter((collection) => collection !== undefined);
  }

  /** The collections of each project that has any. */
  async countByProject(projectIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await sql<{ id: string; collections: number }>`
      select project_id as id, count(*)::int as collections from nft_metadata.collections
      where project_id = any(${[...projectIds]}::text[]) and removed_at is null
      group by project_id`.execute(readingFrom(this.em).getKysely());
    return new Map(rows.map(({ id, collections }) => [id, collections]));
  }

  /** The tokens of each collection, by its id. */
  async countTokens(collectionIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await sql<{ id: string; tokens: number }>`
      select id, token_count::float8 as tokens from nft_metadata.collections
      where id = any(${[...collectionIds]}::uuid[])`.execute(readingFrom(this.em).getKysely());
    return new Map(rows.map(({ id, tokens }) => [id, tokens]));
  }

  /** Collections on a chain in the order of their ids, or against it, from this id on. `limit`: 1–1,000. */
  async listOnChain({ chainId, direction, from, limit }: ChainQuery): Promise<Collection[]> {
    const isAscending = direction === 'asc';
    const where = {
      chainId,
      removedAt: null,
      ...(from !== undefined && { id: isAscending ? { $gte: from } : { $lte: from } }),
    };
    return this.em.fork().find(Collection, where, { orderBy: { id: direction }, limit, filters: false });
  }

  /**
   * Fields that are absent stay as they are. The change applies to refreshes that are requested after it; those that were
   * accepted before are finished with the old source. Throws UnknownCollection, InvalidCollection.
   */
  async update(collectionId: string, { source, hostConcurrency, pushPolicy }: CollectionChange): Promise<Collection> {
    if (hostConcurrency !== undefined && hostConcurrency !== null && !isWithin(hostConcurrency, 1, 1000)) {
      throw new InvalidCollection(`Host concurrency ${hostConcurrency} is not a whole number from 1 to 1000.`);
    }
    const metadataUrl = source?.kind === 'metadata_api' ? checkedMetadataUrl(source.url) : null;
    if (source?.kind === 'chain') checkUriRule(source.uriRule);
    checkPushPolicy(pushPolicy ?? null);

    const em = this.em.fork();
    const collection = await em.findOne(Collection, { id: collectionId, removedAt: null }, { filters: false });
    if (!collection) throw new UnknownCollection(collectionId);
    if (source) {
      collection.sourceKind = source.kind;
      collection.metadataUrl = metadataUrl;
      collection.uriRule = source.kind === 'chain' ? source.uriRule : null;
    }
    if (hostConcurrency !== undefined) collection.hostConcurrency = hostConcurrency;
    if (pushPolicy !== undefined) collection.pushPolicy = pushPolicy;
    await em.flush();
    return collection;
  }

  /**
   * Removes a collection with its tokens, their metadata and traits. The first statement hides the collection, the rest is
   * deleted in short statements, safe beside workers. Refreshes stay readable; their pending tokens fail as
   * `token_not_found`. Call it again to complete an interrupted removal.
   *
   * `deleteOwnRows` deletes rows of the caller's tables that name the collection. It is called when the collection is
   * hidden and before its row is deleted, so an interrupted removal leaves no rows that a second one could not find.
   * Returns how many tokens there were. Throws UnknownCollection, and what `deleteOwnRows` throws.
   */
  async remove(collectionId: string, deleteOwnRows?: () => Promise<void>): Promise<number> {
    return this.removal.remove(collectionId, deleteOwnRows);
  }

  /**
   * Holds collections until the end of a transaction that inserts rows of the caller's which name them: a removal waits
   * for it. Throws UnknownCollection when one of them is not registered or is being removed.
   */
  async hold(em: EntityManager, collectionIds: readonly string[]): Promise<void> {
    const wanted = [...new Set(collectionIds)];
    const { rows } = await sql<{ id: string }>`
      select id from nft_metadata.collections
      where id = any(${wanted}::uuid[]) and removed_at is null
      order by id
      for share`.execute(em.getKysely());
    const held = new Set(rows.map(({ id }) => id));
    const unknown = wanted.find((id) => !held.has(id));
    if (unknown !== undefined) throw new UnknownCollection(unknown);
  }

  /** Collections whose removal was interrupted, of one project or of all projects. */
  async listBeingRemoved(projectId?: string): Promise<Collection[]> {
    const where = { removedAt: { $ne: null }, ...(projectId !== undefined && { projectId }) };
    return this.em.fork().find(Collection, where, { orderBy: { removedAt: 'asc' }, filters: false });
  }
}

function isWithin(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}

function checkPushPolicy(policy: string | null): void {
  if (policy !== null && !(PUSH_POLICIES as readonly string[]).includes(policy)) {
    throw new InvalidCollection(`Push policy ${JSON.stringify(policy)} is not one of ${PUSH_POLICIES.join(', ')}.`);
  }
}

function checkUriRule(rule: string | null): void {
  if (rule !== null && !(URI_RULES as readonly string[]).includes(rule)) {
    throw new InvalidCollection(`URI rule ${JSON.stringify(rule)} is not one of ${URI_RULES.join(', ')}.`);
  }
}

function checkedMetadataUrl(text: string): string {
  const parsed = parseMetadataUrl(text);
  if (parsed.kind === 'invalid') throw new InvalidCollection(parsed.problem);
  return parsed.url;
}
