import { CollectionAmbiguous } from '@app/metadata-refresh';
import type { Collection } from '@app/token-store';

/**
 * Of collections with one address, that on the given chain; undefined if there is none. Throws CollectionAmbiguous if there
 * are several and no chain is given.
 */
export function collectionOnChain(
  collections: readonly Collection[],
  address: string,
  chainId: number | undefined,
): Collection | undefined {
  const matching = collections.filter((one) => chainId === undefined || one.chainId === chainId);
  if (matching.length > 1) {
    throw new CollectionAmbiguous(
      address,
      matching.map((one) => one.chainId),
    );
  }
  return matching[0];
}
