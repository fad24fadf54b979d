import { randomUUID } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';
import { PUSH_POLICIES, type PushPolicy } from './push-policy.js';
import { URI_RULES } from './uri-rules.js';

/**
 * Where a collection's metadata comes from: a Metadata API, its contract, by a rule (null: `standard`), or its owner. The URL of a
 * Metadata API may have placeholders that are filled in for each token: `{id}` (decimal digits), `{id_hex64}` (64 hex digits),
 * `{address}` (the contract, lower case). Without a placeholder for the id, a slash and the id are appended.
 */
export type CollectionSource =
  | { kind: 'metadata_api'; url: string }
  | { kind: 'chain'; uriRule: (typeof URI_RULES)[number] | null }
  /** Its owner sends the metadata: nothing is fetched. */
  | { kind: 'pushed' };

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
    sourceKind: p.enum(['metadata_api', 'chain', 'pushed'] as const).fieldName('source'),
    metadataUrl: p.text().nullable().fieldName('metadata_url'),
    uriRule: p.enum(URI_RULES).nullable().fieldName('uri_rule'),
    /** null: `push_wins` if its source is `pushed`, else `last_wins`. */
    pushPolicy: p.enum(PUSH_POLICIES).nullable().fieldName('push_policy'),
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
    switch (this.sourceKind) {
      case 'metadata_api':
        return { kind: 'metadata_api', url: this.metadataUrl! };
      case 'chain':
        return { kind: 'chain', uriRule: this.uriRule ?? null };
      case 'pushed':
        return { kind: 'pushed' };
    }
  }

  /** Its own policy, or that of its source. */
  effectivePushPolicy(): PushPolicy {
    return this.pushPolicy ?? (this.sourceKind === 'pushed' ? 'push_wins' : 'last_wins');
  }
}
CollectionSchema.setClass(Collection);
