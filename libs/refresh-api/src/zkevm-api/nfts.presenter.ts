import type { TokenRecord } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import type { ChainNames } from './chain-names.js';
import { toShownMetadata } from './shown-metadata.presenter.js';
import type { nftSchema } from './zkevm-api.responses.js';

export function toNftBody(
  token: TokenRecord,
  metadataId: string | null,
  chains: ChainNames,
): z.output<typeof nftSchema> {
  const { registeredAt, changedAt, lastSuccessAt } = token;
  return {
    chain: chains.of(token.chainId),
    token_id: token.tokenId,
    contract_address: token.collectionAddress,
    contract_type: 'ERC721',
    indexed_at: toMicroseconds(registeredAt),
    updated_at: toMicroseconds(changedAt && changedAt > registeredAt ? changedAt : registeredAt),
    metadata_synced_at: lastSuccessAt && toMicroseconds(lastSuccessAt),
    metadata_id: metadataId,
    external_link: token.externalUrl,
    ...toShownMetadata(token),
    total_supply: null,
  };
}
