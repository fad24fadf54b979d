import { TokenDetailsMigration } from './2026-11-21-token-details.migration.js';
import { CollectionRemovalMigration } from './2026-11-21-collection-removal.migration.js';
import { HostConcurrencyMigration } from './2026-11-21-host-concurrency.migration.js';
import { TokenSearchMigration } from './2026-11-28-token-search.migration.js';
import { OriginalAddressesMigration } from './2026-11-28-original-addresses.migration.js';
import { TraitLookupsMigration } from './2026-11-28-trait-lookups.migration.js';
import { TokensMigration } from './2026-11-21-tokens.migration.js';
import { UriRulesMigration } from './2026-11-21-uri-rules.migration.js';

/** For the host's own `migrations.migrationsList`, or ours. In order; a published name never changes. */
export const tokenStoreMigrations = [
  { name: 'nft-metadata-2026-11-21-tokens', class: TokensMigration },
  { name: 'nft-metadata-2026-11-21-token-details', class: TokenDetailsMigration },
  { name: 'nft-metadata-2026-11-21-host-concurrency', class: HostConcurrencyMigration },
  { name: 'nft-metadata-2026-11-21-uri-rules', class: UriRulesMigration },
  { name: 'nft-metadata-2026-11-28-token-search', class: TokenSearchMigration },
  { name: 'nft-metadata-2026-11-28-original-addresses', class: OriginalAddressesMigration },
  { name: 'nft-metadata-2026-11-28-trait-lookups', class: TraitLookupsMigration },
  { name: 'nft-metadata-2026-11-21-collection-removal', class: CollectionRemovalMigration },
];
