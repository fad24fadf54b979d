import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { nftMetadataMigrations } from '../../libs/index.js';
import { migrate } from '../../src/database/migrations.js';

export type Migrations = readonly (typeof nftMetadataMigrations)[number][];

/** How a database comes to the newest state. */
export const UPGRADES = [
  ['the service’s start', migrate],
  ['a host’s migrator, one by one', (url: string) => migrateAsHost(url, { allOrNothing: false })],
  ['a host’s migrator, all or nothing', (url: string) => migrateAsHost(url, { allOrNothing: true })],
] as const;

/** As an application does it that has our migrations in its list. */
export async function migrateAsHost(
  databaseUrl: string,
  { migrations = nftMetadataMigrations, allOrNothing }: { migrations?: Migrations; allOrNothing: boolean },
): Promise<void> {
  await withMigrator(databaseUrl, { migrations, allOrNothing }, (migrator) => migrator.up());
}

/** Back to a database without anything of ours. */
export async function revertAll(databaseUrl: string, allOrNothing: boolean): Promise<void> {
  await withMigrator(databaseUrl, { migrations: nftMetadataMigrations, allOrNothing }, (migrator) =>
    migrator.down({ to: 0 }),
  );
}

async function withMigrator(
  databaseUrl: string,
  { migrations, allOrNothing }: { migrations: Migrations; allOrNothing: boolean },
  use: (migrator: MikroORM['migrator']) => Promise<unknown>,
): Promise<void> {
  const orm = await MikroORM.init({
    clientUrl: databaseUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: {
      migrationsList: [...migrations],
      tableName: 'nft_metadata.migrations',
      snapshot: false,
      silent: true,
      allOrNothing,
    },
  });
  try {
    await orm.em.fork().execute('create schema if not exists nft_metadata');
    await use(orm.migrator);
  } finally {
    await orm.close();
  }
}
