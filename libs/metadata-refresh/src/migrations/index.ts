import { AttemptsMigration } from './2026-11-21-attempts.migration.js';
import { ChainOutcomesMigration } from './2026-11-21-chain-outcomes.migration.js';
import { FairnessIndexesMigration } from './2026-11-21-fairness-indexes.migration.js';
import { FairnessMigration } from './2026-11-21-fairness.migration.js';
import { RefreshesMigration } from './2026-11-21-refreshes.migration.js';

/** For the host's own `migrations.migrationsList`, or ours. In order; a published name never changes. */
export const metadataRefreshMigrations = [
  { name: 'nft-metadata-2026-11-21-refreshes', class: RefreshesMigration },
  { name: 'nft-metadata-2026-11-21-refresh-attempts', class: AttemptsMigration },
  { name: 'nft-metadata-2026-11-21-fairness', class: FairnessMigration },
  { name: 'nft-metadata-2026-11-21-fairness-indexes', class: FairnessIndexesMigration },
  { name: 'nft-metadata-2026-11-21-chain-outcomes', class: ChainOutcomesMigration },
];
