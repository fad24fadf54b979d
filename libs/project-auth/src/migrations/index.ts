import { ProjectAuthMigration } from './2026-11-28-project-auth.migration.js';
import { SelectionLimitMigration } from './2026-11-29-selection-limit.migration.js';
import { ConsoleMigration } from './2026-11-30-console.migration.js';

/** For `migrations.migrationsList` of a host or of this service, in this order. A published name never changes. */
export const projectAuthMigrations = [
  { name: 'nft-metadata-2026-11-28-project-auth', class: ProjectAuthMigration },
  { name: 'nft-metadata-2026-11-29-selection-limit', class: SelectionLimitMigration },
  { name: 'nft-metadata-2026-11-30-console', class: ConsoleMigration },
];
