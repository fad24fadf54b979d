import type { CountedStack, Stack } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import type { ChainNames } from './chain-names.js';
import { toShownMetadata } from './shown-metadata.presenter.js';
import type { metadataSchema, stackBundleSchema } from './zkevm-api.responses.js';

export function toMetadataBody(stack: Stack, chains: ChainNames): z.output<typeof metadataSchema> {
  return { id: stack.id, ...sharedFields(stack, chains) };
}

/** The service has no order book. */
export function toStackBundle(stack: CountedStack, chains: ChainNames): z.output<typeof stackBundleSchema> {
  return {
    stack: { stack_id: stack.id, contract_type: 'ERC721', ...sharedFields(stack, chains) },
    stack_count: stack.tokenCount,
    market: null,
    listings: [],
    bids: [],
  };
}

function sharedFields({ token, createdAt, updatedAt }: Stack, chains: ChainNames) {
  return {
    chain: chains.of(token.chainId),
    contract_address: token.collectionAddress,
    created_at: toMicroseconds(createdAt),
    updated_at: toMicroseconds(updatedAt),
    ...toShownMetadata(token),
  };
}
