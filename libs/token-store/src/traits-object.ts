import type { TraitSummary } from './token-store.js';

/** The traits of a collection for programs: in responses and on the command line. */
export function toTraitsObject(
  { chainId, address }: { chainId: number; address: string },
  traits: readonly TraitSummary[],
) {
  return {
    chain_id: chainId,
    collection_address: address,
    traits: traits.map(({ traitType, valueCount, minimum, maximum, values }) => ({
      trait_type: traitType,
      value_count: valueCount,
      minimum,
      maximum,
      values: values.map(({ value, tokenCount }) => ({ value, token_count: tokenCount })),
    })),
  };
}
