import { MikroORM } from '@mikro-orm/core';
import { getMikroORMToken } from '@mikro-orm/nestjs';
import { EntityManager } from '@mikro-orm/postgresql';
import type { Provider } from '@nestjs/common';
import { ApiKey } from './api-key.entity.js';
import { Project } from './project.entity.js';

/**
 * The EntityManager that the classes of this lib inject: of the host's connection with this name, whatever the host
 * injects itself, and not one of a request. A host that lists its entities need not list ours: the connection learns of
 * them here.
 */
export function entityManagerOf(contextName: string | undefined): Provider<EntityManager> {
  return {
    provide: EntityManager,
    inject: [contextName === undefined ? MikroORM : getMikroORMToken(contextName)],
    useFactory: (orm: MikroORM) => {
      if (!orm.getMetadata().has(Project)) orm.discoverEntity([Project, ApiKey]);
      return orm.em as EntityManager;
    },
  };
}
