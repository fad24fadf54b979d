import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { CollectionAmbiguous, CollectionNotFound, CollectionNotOwned } from './metadata-refresh.errors.js';

/** Finds the collections of a project. */
@Injectable()
export class OwnedCollections {
  constructor(private readonly collections: Collections) {}

  /** Without a chain, the address must be registered on one only. Throws CollectionNotFound, CollectionNotOwned, CollectionAmbiguous. */
  async get(projectId: string, address: string, chainId?: number): Promise<Collection> {
    const everywhere = await this.collections.findByAddress(address);
    const registered = everywhere.filter((one) => chainId === undefined || one.chainId === chainId);
    if (registered.length === 0) throw new CollectionNotFound(address);
    const owned = registered.filter((one) => one.projectId === projectId);
    const [collection] = owned;
    if (!collection) throw new CollectionNotOwned(address);
    if (owned.length > 1)
      throw new CollectionAmbiguous(
        address,
        owned.map(({ chainId }) => chainId),
      );
    return collection;
  }
}
