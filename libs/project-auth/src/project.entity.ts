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
    ownerAddress: p.text(),
    /** null, here and in the next two: the deployment's default; 0: none may. */
    requestsPerSecond: p.integer().nullable(),
    tokensPerRequest: p.integer().nullable(),
    tokensPerHour: p.integer().nullable(),
    createdAt: p.datetime().defaultRaw('now()'),
  },
});

/** Who may ask for refreshes: owns collections, has an owner address and API keys. */
export class Project extends ProjectSchema.class {}
ProjectSchema.setClass(Project);
