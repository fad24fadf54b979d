import { CollectionAmbiguous } from '@app/metadata-refresh';
import type { Collection } from '@app/token-store';

/**
 * Of collections with this address, the one on the chain that a caller names; undefined where there is none. Throws
 * CollectionAmbiguous where there are several and no chain is named.
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
