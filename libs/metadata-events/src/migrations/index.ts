import { MetadataEventsMigration } from './2026-11-28-metadata-events.migration.js';

/** For `migrations.migrationsList` of a host or of this service, in this order. A published name never changes. */
export const metadataEventsMigrations = [
  { name: 'nft-metadata-2026-11-28-metadata-events', class: MetadataEventsMigration },
];
