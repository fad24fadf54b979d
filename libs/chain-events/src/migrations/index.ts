import { ChainEventsMigration } from './2026-11-30-chain-events.migration.js';

/** For `migrations.migrationsList` of a host or of this service, in this order. A published name never changes. */
export const chainEventsMigrations = [{ name: 'nft-metadata-2026-11-30-chain-events', class: ChainEventsMigration }];
