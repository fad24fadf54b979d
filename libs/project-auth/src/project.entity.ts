import { randomUUID } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';

const ProjectSchema = defineEntity({
  name: 'Project',
  tableName: 'projects',
  schema: 'nft_metadata',
  properties: {
    id: p
      .text()
      .primary()
      .onCreate(() => randomUUID()),
    name: p.text(),
    /** Lower case. */
    ownerAddress: p.text().fieldName('owner_address'),
    /** null, here and in the next three: the deployment's default; 0 blocks every request. */
    requestsPerSecond: p.integer().nullable().fieldName('requests_per_second'),
    tokensPerRequest: p.integer().nullable().fieldName('tokens_per_request'),
    tokensPerHour: p.integer().nullable().fieldName('tokens_per_hour'),
    tokensPerSelection: p.integer().nullable().fieldName('tokens_per_selection'),
    createdAt: p.datetime().defaultRaw('now()').fieldName('created_at'),
  },
});

/** A project may request refreshes. It has an owner address and API keys, and owns collections. */
export class Project extends ProjectSchema.class {}
ProjectSchema.setClass(Project);
