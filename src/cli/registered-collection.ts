import type { Collection } from '@app/token-store';
import type { Session } from './session.js';

export interface CollectionOptions {
  collection: string;
  chain?: number | undefined;
}

/** Throws an Error for an address that is not registered, or that needs a chain. */
export async function findCollection(session: Session, options: CollectionOptions): Promise<Collection> {
  return only(await (await session.get('collections')).findByAddress(options.collection), options);
}

/** Also finds a collection whose removal was interrupted. */
export async function findCollectionToRemove(session: Session, options: CollectionOptions): Promise<Collection> {
  const collections = await session.get('collections');
  const registered = await collections.findByAddress(options.collection);
  if (registered.some((one) => isMeant(one, options))) return only(registered, options);
  return only(await collections.listBeingRemoved(), options);
}

function only(collections: readonly Collection[], options: CollectionOptions): Collection {
  const meant = collections.filter((one) => isMeant(one, options));
  const [collection] = meant;
  const name = `Collection ${JSON.stringify(options.collection)}`;
  if (!collection) {
    const where = options.chain === undefined ? '' : ` on chain ${options.chain}`;
    throw new Error(`${name} is not registered${where}: add it with "collection add".`);
  }
  if (meant.length > 1) {
    throw new Error(
      `${name} is registered on chains ${meant.map((one) => one.chainId).join(', ')}: name one with --chain.`,
    );
  }
  return collection;
}

function isMeant({ address, chainId }: Collection, { collection, chain }: CollectionOptions): boolean {
  return address === collection.toLowerCase() && (chain === undefined || chain === chainId);
}
