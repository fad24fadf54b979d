import { EntityManager, UniqueConstraintViolationException } from '@mikro-orm/postgresql';
import { parseMetadataUrl } from '@app/metadata-uri';
import { Injectable } from '@nestjs/common';
import { Collection, URI_RULES, type CollectionSource } from './collection.entity.js';
import { CollectionAlreadyExists, InvalidCollection } from './token-store.errors.js';

export interface NewCollection {
  chainId: number;
  /** `0x` and 40 hex digits, in any case. */
  address: string;
  projectId: string;
  /** The URL of a Metadata API is trimmed; what else is wrong with it is InvalidCollection. */
  source: CollectionSource;
  /** Requests that its metadata host takes at once, 1–1,000, by all processes together; default: the deployment's. */
  requestsAtOnce?: number | undefined;
}

/** The collections that can be refreshed. */
@Injectable()
export class Collections {
  constructor(private readonly em: EntityManager) {}

  /** Throws InvalidCollection, CollectionAlreadyExists. */
  async add({ chainId, address, projectId, source, requestsAtOnce }: NewCollection): Promise<Collection> {
    if (!/^0x[0-9a-fA-F]{40}$/.test(address)) {
      throw new InvalidCollection(`Address ${JSON.stringify(address)} is not 0x and 40 hex digits.`);
    }
    if (!Number.isSafeInteger(chainId) || chainId < 1) {
      throw new InvalidCollection(
        `Chain ${chainId} is not a chain id: a positive whole number, such as 1 for Ethereum.`,
      );
    }
    if (requestsAtOnce !== undefined && !isWithin(requestsAtOnce, 1, 1000)) {
      throw new InvalidCollection(`Requests at once ${requestsAtOnce} is not a whole number from 1 to 1000.`);
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
      requestsAtOnce: requestsAtOnce ?? null,
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
    return this.em.fork().find(Collection, { address: address.toLowerCase() }, options);
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
