import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { Migrator } from '@mikro-orm/migrations';
import type { TestProject } from 'vitest/node';
import { enterEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate, migrationsList } from '../../src/database/migrations.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the run's server, with the template database that each suite copies. */
    templateUrl: string;
  }
}

/** One server for the run, and in it one migrated database that every suite gets a copy of. */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-test-'));
  await chmod(folder, 0o755);
  // Crash safety is tested by killing our processes, not the machine: no need to wait for the disk.
  const server = await enterEmbeddedPostgres(folder, ['fsync=off', 'synchronous_commit=off', 'max_connections=200']);
  const templateUrl = await server.databaseUrl('template_nft_refresh');
  const orm = await MikroORM.init({
    clientUrl: templateUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: { migrationsList, tableName: 'nft_metadata.migrations', snapshot: false },
  });
  await migrate(orm);
  await orm.close();
  project.provide('templateUrl', templateUrl);

  return async () => {
    await server.leave();
    await rm(folder, { recursive: true, force: true });
  };
}
