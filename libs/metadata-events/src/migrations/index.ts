import { EventsMigration } from './2026-11-21-events.migration.js';

/** For the host's own `migrations.migrationsList`, or ours. In order; a published name never changes. */
export const metadataEventsMigrations = [{ name: 'nft-metadata-2026-11-21-events', class: EventsMigration }];
