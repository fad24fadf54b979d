import { ContractOwners, type OwnershipVerdict } from '@app/metadata-fetch';
import { Collections, type Collection } from '@app/token-store';
import { Inject, Injectable } from '@nestjs/common';
import {
  CollectionAmbiguous,
  CollectionNotFound,
  CollectionNotOwned,
  OwnershipUnavailable,
} from '../metadata-refresh.errors.js';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';
import type { RefreshingProject } from './refresh-limits.js';

/** Why a project may refresh a collection, or may not. */
export interface Ownership {
  /** The collection is registered with it. */
  isRegistered: boolean;
  /** What the contract says of the wallet of its owner. */
  onChain: OwnershipVerdict;
  mayRefresh: boolean;
}

/** Finds the collections of a project. */
@Injectable()
export class OwnedCollections {
  constructor(
    private readonly collections: Collections,
    private readonly owners: ContractOwners,
    @Inject(METADATA_REFRESH_CONFIG) private readonly config: Pick<MetadataRefreshConfig, 'ownership'>,
  ) {}

  /**
   * One that is registered with the project. Without a chain, the address must be registered on one only. Throws CollectionNotFound,
   * CollectionNotOwned, CollectionAmbiguous.
   */
  async get(projectId: string, address: string, chainId?: number): Promise<Collection> {
    const registered = await this.registered(address, chainId);
    return oneOf(
      registered.filter((one) => one.projectId === projectId),
      address,
    );
  }

  /**
   * One that the project may refresh: it is registered with it or, if the option `ownership` says so, its contract belongs to the owner of
   * the project. Throws also OwnershipUnavailable.
   */
  async getRefreshable(project: RefreshingProject, address: string, chainId?: number): Promise<Collection> {
    const registered = await this.registered(address, chainId);
    const own = registered.filter((one) => one.projectId === project.id);
    if (own.length > 0) return oneOf(own, address);
    const onChain: Collection[] = [];
    for (const one of registered) if (await this.isOwnedOnChain(project, one)) onChain.push(one);
    return oneOf(onChain, address);
  }

  /** Whether the contract belongs to the owner of the project, and the option `ownership` lets that count. Throws OwnershipUnavailable. */
  async isOwnedOnChain({ ownerAddress = null }: RefreshingProject, collection: Collection): Promise<boolean> {
    if (this.config.ownership !== 'on_chain' || ownerAddress === null) return false;
    const { chainId, address } = collection;
    const verdict = await this.owners.check({ chainId, address, wallet: ownerAddress.toLowerCase() });
    if (verdict === 'unavailable') throw new OwnershipUnavailable(collection);
    return verdict !== 'stranger';
  }

  /** Whether a project may refresh a collection, and why. Asks the contract also if that does not count. */
  async explain(
    project: Pick<RefreshingProject, 'id'> & { ownerAddress: string },
    collection: Collection,
  ): Promise<Ownership> {
    const { chainId, address, projectId } = collection;
    const isRegistered = projectId === project.id;
    const onChain = await this.owners.check({ chainId, address, wallet: project.ownerAddress.toLowerCase() });
    const countsOnChain = this.config.ownership === 'on_chain' && (onChain === 'owner' || onChain === 'admin');
    return { isRegistered, onChain, mayRefresh: isRegistered || countsOnChain };
  }

  private async registered(address: string, chainId: number | undefined): Promise<Collection[]> {
    const everywhere = await this.collections.findByAddress(address);
    const registered = everywhere.filter((one) => chainId === undefined || one.chainId === chainId);
    if (registered.length === 0) throw new CollectionNotFound(address);
    return registered;
  }
}

function oneOf(collections: readonly Collection[], address: string): Collection {
  const [collection] = collections;
  if (!collection) throw new CollectionNotOwned(address);
  if (collections.length > 1)
    throw new CollectionAmbiguous(
      address,
      collections.map(({ chainId }) => chainId),
    );
  return collection;
}
