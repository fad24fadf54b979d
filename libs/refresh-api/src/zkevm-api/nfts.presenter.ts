import type { TokenRecord } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import type { ChainNames } from './chain-names.js';
import { DISPLAY_TYPES } from './nft-metadata.schema.js';
import type { NftPage } from './nft-pages.js';
import { toCursors } from './page-cursor.js';
import type { nftPageSchema, nftSchema } from './zkevm-api.responses.js';

export function toNftBody(token: TokenRecord, chains: ChainNames): z.output<typeof nftSchema> {
  const { registeredAt, changedAt, lastSuccessAt } = token;
  return {
    chain: chains.of(token.chainId),
    token_id: token.tokenId,
    contract_address: token.collectionAddress,
    contract_type: 'ERC721',
    indexed_at: toMicroseconds(registeredAt),
    updated_at: toMicroseconds(changedAt && changedAt > registeredAt ? changedAt : registeredAt),
    metadata_synced_at: lastSuccessAt && toMicroseconds(lastSuccessAt),
    metadata_id: null,
    name: token.name,
    description: token.description,
    image: token.imageOriginal ?? token.imageUrl,
    external_link: token.externalUrl,
    external_url: token.externalUrl,
    animation_url: token.animationOriginal ?? token.animationUrl,
    youtube_url: token.youtubeUrl,
    attributes: token.attributes.map(({ traitType, value, displayType }) => ({
      trait_type: traitType,
      value,
      display_type: DISPLAY_TYPES.find((type) => type === displayType) ?? null,
    })),
    total_supply: null,
  };
}

export function toNftPage({ rows, ...neighbours }: NftPage, chains: ChainNames): z.output<typeof nftPageSchema> {
  return { result: rows.map((token) => toNftBody(token, chains)), page: toCursors(neighbours) };
}
