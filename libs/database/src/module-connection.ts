import { MikroORM, type Constructor } from '@mikro-orm/core';
import { getMikroORMToken } from '@mikro-orm/nestjs';
import { EntityManager } from '@mikro-orm/postgresql';
import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** The MikroORM connection that a module uses. */
export interface ModuleConnection {
  /** The name of the module, for error messages. */
  module: string;
  /** The name of the connection; absent: the default connection. */
  contextName: string | undefined;
  /** Entities of the module. They are added to the connection, so the application does not have to list them. */
  entities?: readonly Constructor[];
  /** Why an application must not import the module twice on one database; absent: it may. */
  singletonReason?: string;
}

/**
 * Provides the global EntityManager of a named connection for the classes of a module, independently of the application's own
 * EntityManager. Its factory throws an Error with instructions if there is no such connection, or if the application imports
 * the module twice.
 */
export function entityManagerOf(connection: ModuleConnection): FactoryProvider<EntityManager> {
  const { contextName, entities = [] } = connection;
  const token = contextName === undefined ? MikroORM : getMikroORMToken(contextName);
  return {
    provide: EntityManager,
    inject: [{ token, optional: true }, ModulesContainer],
    useFactory: (orm: MikroORM | undefined, modules: ModulesContainer) => {
      if (!orm) throw new Error(explainMissing(connection, connectionNames(modules)));
      rejectDuplicate(connection, orm, modules);
      for (const entity of entities) if (!orm.getMetadata().has(entity)) orm.discoverEntity(entity);
      return orm.em as EntityManager;
    },
  };
}

function explainMissing({ module, contextName }: ModuleConnection, names: readonly string[]): string {
  const others = names.length > 0 ? ` There ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.` : '';
  if (contextName !== undefined) {
    return `${module}: contextName is ${JSON.stringify(contextName)}, and this application has no MikroORM connection of that name.${others} Import MikroOrmModule.forRoot({ …, contextName: ${JSON.stringify(contextName)} }) of @mikro-orm/nestjs in the root module, or correct contextName.`;
  }
  if (names.length > 0) {
    return `${module}: this application has MikroORM connections with names only, and no contextName says which has our tables.${others} Set contextName to one of them.`;
  }
  return `${module}: this application has no MikroORM connection. Import MikroOrmModule.forRoot({ driver: PostgreSqlDriver, clientUrl: …, autoLoadEntities: true }) of @mikro-orm/nestjs in the root module.`;
}

const tokenSuffix = getMikroORMToken('');

/** The names of all named connections, in quotes. */
function connectionNames(modules: ModulesContainer): string[] {
  const tokens = [...modules.values()].flatMap(({ providers }) => [...providers.keys()] as InjectionToken[]);
  const named = tokens.filter((token): token is string => typeof token === 'string' && token.endsWith(tokenSuffix));
  return [...new Set(named)].map((token) => JSON.stringify(token.slice(0, -tokenSuffix.length))).toSorted();
}

/** Singleton modules, each with its database, by application. */
const takenBy = new WeakMap<ModulesContainer, Set<string>>();

function rejectDuplicate(
  { module, contextName, singletonReason }: ModuleConnection,
  orm: MikroORM,
  modules: ModulesContainer,
): void {
  if (singletonReason === undefined) return;
  const taken = takenBy.get(modules) ?? new Set();
  takenBy.set(modules, taken);
  const key = `${module} on ${databaseOf(orm) ?? `the connection ${contextName}`}`;
  if (taken.has(key)) {
    throw new Error(
      `${module}: this application sets it up twice on the same database: forRoot, its own or that of NftRefreshModule, is imported in two places, or with two contextNames. ${singletonReason} Import it once, in the root module; what it exports can be injected in all others.`,
    );
  }
  taken.add(key);
}

/** Two connections may lead to one database. Null when only the driver knows where its connection leads. */
function databaseOf(orm: MikroORM): string | null {
  const overrides = orm.config.get('driverOptions');
  if (['Client', 'host', 'port', 'database', 'connectionString'].some((name) => name in overrides)) return null;
  const { host, port, database } = orm.em.getDriver().getConnection().getConnectionOptions();
  return JSON.stringify([host, port, database]);
}
