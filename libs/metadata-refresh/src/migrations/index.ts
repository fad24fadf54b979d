import { MetadataRefreshMigration } from './2026-11-28-metadata-refresh.migration.js';
import { CollectionRefreshesMigration } from './2026-11-30-collection-refreshes.migration.js';
import { RefreshControlMigration } from './2026-11-29-refresh-control.migration.js';
import { OverviewMigration } from './2026-11-30-overview.migration.js';
import { ConsoleTriggerMigration } from './2026-11-30-console-trigger.migration.js';
import { DeferredChunksMigration } from './2026-11-30-deferred-chunks.migration.js';
import { RevealDeletionMigration } from './2026-11-30-reveal-deletion.migration.js';
import { RevealsMigration } from './2026-11-30-reveals.migration.js';

/** For `migrations.migrationsList` of a host or of this service, in this order. A published name never changes. */
export const metadataRefreshMigrations = [
  { name: 'nft-metadata-2026-11-28-metadata-refresh', class: MetadataRefreshMigration },
  { name: 'nft-metadata-2026-11-29-refresh-control', class: RefreshControlMigration },
  { name: 'nft-metadata-2026-11-30-collection-refreshes', class: CollectionRefreshesMigration },
  { name: 'nft-metadata-2026-11-30-refresh-overview', class: OverviewMigration },
  { name: 'nft-metadata-2026-11-30-reveals', class: RevealsMigration },
  { name: 'nft-metadata-2026-11-30-console-trigger', class: ConsoleTriggerMigration },
  { name: 'nft-metadata-2026-11-30-reveal-deletion', class: RevealDeletionMigration },
  { name: 'nft-metadata-2026-11-30-deferred-chunks', class: DeferredChunksMigration },
];
