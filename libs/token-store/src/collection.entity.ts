import { randomUUID } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';
import { URI_RULES } from './uri-rules.js';

/**
 * Where a collection's metadata comes from: a Metadata API, or its contract, by a rule (null: `standard`). The URL of a
 * Metadata API may have placeholders that are filled in for each token: `{id}` (decimal digits), `{id_hex64}` (64 hex digits),
 * `{address}` (the contract, lower case). Without a placeholder for the id, a slash and the id are appended.
 */
export type CollectionSource =
  { kind: 'metadata_api'; url: string } | { kind: 'chain'; uriRule: (typeof URI_RULES)[number] | null };

const CollectionSchema = defineEntity({
  name: 'Collection',
  tableName: 'collections',
  schema: 'nft_metadata',
  uniques: [{ properties: ['chainId', 'address'] }],
  properties: {
    id: p
      .uuid()
      .primary()
      .onCreate(() => randomUUID()),
    chainId: p.bigint('number').fieldName('chain_id'),
    address: p.text(),
    projectId: p.text().fieldName('project_id'),
    sourceKind: p.enum(['metadata_api', 'chain'] as const).fieldName('source'),
    metadataUrl: p.text().nullable().fieldName('metadata_url'),
    uriRule: p.enum(URI_RULES).nullable().fieldName('uri_rule'),
    /** Concurrent requests to its metadata host; null: the default of the deployment. */
    hostConcurrency: p.integer().nullable().fieldName('host_concurrency'),
    createdAt: p.datetime().defaultRaw('now()').fieldName('created_at'),
    /** Set when its removal begins; from then on only `Collections.remove` finds it. */
    removedAt: p.datetime().nullable().fieldName('removed_at'),
  },
});

/** One token contract on one chain, and the project that may request its refreshes. */
export class Collection extends CollectionSchema.class {
  source(): CollectionSource {
    return this.sourceKind === 'metadata_api'
      ? { kind: 'metadata_api', url: this.metadataUrl! }
      : { kind: 'chain', uriRule: this.uriRule ?? null };
  }
}
CollectionSchema.setClass(Collection);
