import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { CollectionAmbiguous, CollectionNotFound, CollectionNotOwned } from './metadata-refresh.errors.js';

/** Finds the collections of a project. */
@Injectable()
export class OwnedCollections {
  constructor(private readonly collections: Collections) {}

  /** Without `chainId`, the project has to have one collection of this address. Throws CollectionNotFound, CollectionNotOwned, CollectionAmbiguous. */
  async get(projectId: string, address: string, chainId?: number): Promise<Collection> {
    const registered = await this.collections.findByAddress(address);
    if (registered.length === 0) throw new CollectionNotFound(address);
    const owned = registered.filter((one) => {
      return one.projectId === projectId && (chainId === undefined || one.chainId === chainId);
    });
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
