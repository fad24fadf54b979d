import { randomUUID } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';
import { Project } from './project.entity.js';

const ApiKeySchema = defineEntity({
  name: 'ApiKey',
  tableName: 'api_keys',
  schema: 'nft_metadata',
  properties: {
    id: p
      .uuid()
      .primary()
      .onCreate(() => randomUUID()),
    project: () => p.manyToOne(Project).fieldName('project_id'),
    /** The public part. It names the key when it is revoked. */
    prefix: p.text().unique(),
    /** SHA-256 of the whole key. The key itself is not stored. */
    hash: p.blob(),
    createdAt: p.datetime().defaultRaw('now()').fieldName('created_at'),
    revokedAt: p.datetime().nullable().fieldName('revoked_at'),
    lastUsedAt: p.datetime().nullable().fieldName('last_used_at'),
  },
});

export class ApiKey extends ApiKeySchema.class {}
ApiKeySchema.setClass(ApiKey);
