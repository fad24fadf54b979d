import type { CollectionRefreshState } from '@app/metadata-refresh';
import type { Collection } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import { toPageBody } from '../project-api/project-api.presenter.js';
import type { collectionPageSchema, collectionSchema, recordRequestSchema } from './collection-api.responses.js';

function toListRow(collection: Collection) {
  return {
    chain_id: collection.chainId,
    collection_address: collection.address,
    source: collection.sourceKind,
    metadata_url: collection.metadataUrl ?? null,
    uri_rule: collection.uriRule ?? null,
    push_policy: collection.effectivePushPolicy(),
    host_concurrency: collection.hostConcurrency ?? null,
    created_at: toMicroseconds(collection.createdAt),
  };
}

export function toCollectionBody(collection: Collection, tokens: number): z.output<typeof collectionSchema> {
  return { ...toListRow(collection), tokens };
}

export function toRecordRequestBody(
  { chainId, address }: Collection,
  { dueAt }: CollectionRefreshState,
): z.output<typeof recordRequestSchema> {
  return { chain_id: chainId, collection_address: address, due_at: toMicroseconds(dueAt ?? new Date()) };
}

/** Makes a page of rows, one of which may be beyond its limit. */
export function toCollectionPage(
  collections: readonly Collection[],
  limit: number,
): z.output<typeof collectionPageSchema> {
  const rows = collections.slice(0, limit).map((collection) => ({
    collection,
    id: collection.id,
    createdAt: toMicroseconds(collection.createdAt),
  }));
  return toPageBody({ rows, hasMore: collections.length > limit }, (row) => toListRow(row.collection));
}
