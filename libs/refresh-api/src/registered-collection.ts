import type { Collection, Collections } from '@app/token-store';
import { collectionOnChain } from './collection-on-chain.js';
import { ResourceNotFound } from './resource-not-found.js';

/** Whichever project owns it. Throws ResourceNotFound, CollectionAmbiguous. */
export async function registeredCollection(
  collections: Collections,
  address: string,
  chainId: number | undefined,
): Promise<Collection> {
  const collection = collectionOnChain(await collections.findByAddress(address), address, chainId);
  if (!collection) throw new ResourceNotFound('collection_not_found', `Collection ${address} is not registered.`);
  return collection;
}
