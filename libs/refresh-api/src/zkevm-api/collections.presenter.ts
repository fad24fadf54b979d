import type { CollectionProfile, TraitSummary } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import type { ChainNames, NamedChain } from './chain-names.js';
import type { ProfiledCollection } from './collection-pages.js';
import { ONLY_PAGE } from './page-cursor.js';
import type { collectionSchema, filtersSchema } from './zkevm-api.responses.js';

/** The metadata of a collection itself, in the spelling of the format. */
export function toProfileBody(profile: CollectionProfile | null) {
  return {
    name: profile?.name ?? null,
    symbol: profile?.symbol ?? null,
    description: profile?.description ?? null,
    image: profile?.image ?? null,
    external_link: profile?.externalLink ?? null,
    contract_uri: profile?.contractUri ?? null,
    base_uri: profile?.baseUri ?? null,
  };
}

export function toCollectionBody(
  { collection, profile }: ProfiledCollection,
  chains: ChainNames,
): z.output<typeof collectionSchema> {
  return {
    chain: chains.of(collection.chainId),
    contract_address: collection.address,
    contract_type: profile?.standard === 'erc1155' ? 'ERC1155' : 'ERC721',
    ...toProfileBody(profile),
    verification_status: 'unverified',
    indexed_at: toMicroseconds(collection.createdAt),
    updated_at: toMicroseconds(profile?.updatedAt ?? collection.createdAt),
    metadata_synced_at: profile && toMicroseconds(profile.syncedAt),
  };
}

/** Counts are text, and `omitted_values_count` says how many values a list leaves out. */
export function toFiltersBody(
  { address, traits }: { address: string; traits: readonly TraitSummary[] },
  chain: NamedChain,
): z.output<typeof filtersSchema> {
  return {
    result: {
      chain,
      contract_address: address,
      filters: traits.map(({ traitType, valueCount, values }) => ({
        name: traitType,
        values: values.map(({ value, tokenCount }) => ({ value, nft_count: String(tokenCount) })),
        omitted_values_count: valueCount - values.length,
      })),
    },
    page: ONLY_PAGE,
  };
}
