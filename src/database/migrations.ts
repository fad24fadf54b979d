import type { MikroORM } from '@mikro-orm/postgresql';
import { metadataRefreshMigrations } from '@app/metadata-refresh';
import { projectAuthMigrations } from '@app/project-auth';
import { tokenStoreMigrations } from '@app/token-store';
import { listingMigrations } from '../listings/migrations/index.js';

/** Every migration of this application, in order: the libs' own, then ours. */
export const migrationsList = [
  ...projectAuthMigrations,
  ...tokenStoreMigrations,
  ...metadataRefreshMigrations,
  ...listingMigrations,
];

/** Any number: it only has to be the same in every process. */
const MIGRATION_LOCK = 7_239_401;

/** Brings the database up to date. Several processes may start at once: the first migrates, the others wait. */
export async function migrate(orm: MikroORM): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    await em.execute(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await orm.em.fork().execute('create schema if not exists nft_metadata');
    await orm.migrator.up();
  });
}
