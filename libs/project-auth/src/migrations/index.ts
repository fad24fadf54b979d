import { LimitsMigration } from './2026-11-21-limits.migration.js';
import { ProjectsMigration } from './2026-11-21-projects.migration.js';

/** For the host's own `migrations.migrationsList`, or ours. In order; a published name never changes. */
export const projectAuthMigrations = [
  { name: 'nft-metadata-2026-11-21-projects', class: ProjectsMigration },
  { name: 'nft-metadata-2026-11-21-project-limits', class: LimitsMigration },
];
