import { EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { parseMetadataUrl } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { Collection, URI_RULES, type CollectionSource } from './collection.entity.js';
import { CollectionRemoval } from './collection-removal.js';
import { CollectionAlreadyExists, InvalidCollection, UnknownCollection } from './token-store.errors.js';

export interface NewCollection {
  chainId: number;
  /** `0x` and 40 hex digits, in any case. */
  address: string;
  projectId: string;
  /** The URL of a Metadata API is trimmed; what else is wrong with it is InvalidCollection. */
  source: CollectionSource;
  /** Requests that its metadata host takes at once, 1–1,000, by all processes together; default: the deployment's. */
  hostConcurrency?: number | undefined;
}

export interface CollectionQuery {
  /** All when absent. */
  projectId?: string | undefined;
  /** 1–1,000; default 100. */
  limit?: number | undefined;
  /** Only collections behind this one, the last of the page before. */
  after?: Pick<Collection, 'id' | 'createdAt'> | undefined;
}

export interface CollectionChange {
  source?: CollectionSource | undefined;
  /** As in NewCollection; null: the deployment's default. */
  hostConcurrency?: number | null | undefined;
}

/** The collections that can be refreshed. */
@Injectable()
export class Collections {
  constructor(
    private readonly em: EntityManager,
    private readonly removal: CollectionRemoval,
  ) {}

  /** Throws InvalidCollection, CollectionAlreadyExists. */
  async add({ chainId, address, projectId, source, hostConcurrency }: NewCollection): Promise<Collection> {
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

    const em = this.em.fork();
    const collection = em.create(Collection, {
      chainId,
      address: address.toLowerCase(),
      projectId,
      sourceKind: source.kind,
      metadataUrl,
      uriRule: source.kind === 'chain' ? source.uriRule : null,
      hostConcurrency: hostConcurrency ?? null,
    });
    try {
      await em.persist(collection).flush();
    } catch (error) {
      if (error instanceof UniqueConstraintViolationException) throw new CollectionAlreadyExists({ chainId, address });
      throw error;
    }
    return collection;
  }

  /** A contract address can be in use on several chains; normally this is one collection or none. */
  async findByAddress(address: string): Promise<Collection[]> {
    // The host's filters for all entities are about columns that ours do not have.
    const options = { orderBy: { chainId: 'asc' }, filters: false } as const;
    return this.em.fork().find(Collection, { address: address.toLowerCase(), removedAt: null }, options);
  }

  /** Of one project or of all, oldest first. */
  async list({ projectId, limit = 100, after }: CollectionQuery = {}): Promise<Collection[]> {
    const em = this.em.fork();
    // To the millisecond, which is what a Date holds: a row that was created within it is not lost between two pages.
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

  /**
   * What is not named stays. In force with the next refresh that is requested: one that is accepted already is finished
   * from where the metadata was then. Throws UnknownCollection, InvalidCollection.
   */
  async update(collectionId: string, { source, hostConcurrency }: CollectionChange): Promise<Collection> {
    if (hostConcurrency !== undefined && hostConcurrency !== null && !isWithin(hostConcurrency, 1, 1000)) {
      throw new InvalidCollection(`Host concurrency ${hostConcurrency} is not a whole number from 1 to 1000.`);
    }
    const metadataUrl = source?.kind === 'metadata_api' ? checkedMetadataUrl(source.url) : null;
    if (source?.kind === 'chain') checkUriRule(source.uriRule);

    const em = this.em.fork();
    const collection = await em.findOne(Collection, { id: collectionId, removedAt: null }, { filters: false });
    if (!collection) throw new UnknownCollection(collectionId);
    if (source) {
      collection.sourceKind = source.kind;
      collection.metadataUrl = metadataUrl;
      collection.uriRule = source.kind === 'chain' ? source.uriRule : null;
    }
    if (hostConcurrency !== undefined) collection.hostConcurrency = hostConcurrency;
    await em.flush();
    return collection;
  }

  /**
   * With its tokens, their metadata and traits. Nobody finds the collection from the first statement on; the rest goes in
   * short statements, safe beside workers. Refreshes stay readable, and what is pending in them fails as
   * `token_not_found`. A removal that was interrupted is completed by calling it again. Returns how many tokens there
   * were. Throws UnknownCollection.
   */
  async remove(collectionId: string): Promise<number> {
    return this.removal.remove(collectionId);
  }

  /** Collections whose removal was interrupted, of one project or of all. */
  async listBeingRemoved(projectId?: string): Promise<Collection[]> {
    const where = { removedAt: { $ne: null }, ...(projectId !== undefined && { projectId }) };
    return this.em.fork().find(Collection, where, { orderBy: { removedAt: 'asc' }, filters: false });
  }
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function checkUriRule(rule: string | null): void {
  if (rule !== null && !(URI_RULES as readonly string[]).includes(rule)) {
    throw new InvalidCollection(`URI rule ${JSON.stringify(rule)} is none of ${URI_RULES.join(', ')}.`);
  }
}

function checkedMetadataUrl(text: string): string {
  const parsed = parseMetadataUrl(text);
  if (parsed.kind === 'invalid') throw new InvalidCollection(parsed.problem);
  return parsed.url;
}
