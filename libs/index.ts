import { chainEventsMigrations } from '@app/chain-events';
import { metadataEventsMigrations } from '@app/metadata-events';
import { metadataRefreshMigrations } from '@app/metadata-refresh';
import { projectAuthMigrations } from '@app/project-auth';
import { tokenStoreMigrations } from '@app/token-store';

export { NftRefreshModule } from './nft-refresh.module.js';
export type { NftRefreshExtras, NftRefreshOptions } from './nft-refresh.options.js';

// Everything, for applications that import from one place. Each lib has an entry of its own as well.
export * from '@app/chain-events';
export * from '@app/metadata-events';
export * from '@app/metadata-fetch';
export * from '@app/metadata-refresh';
export * from '@app/project-auth';
export * from '@app/refresh-api';
export * from '@app/safe-http';
export * from '@app/token-store';

/** The migrations of all libs, in order, for the host's own `migrations.migrationsList`. */
export const nftMetadataMigrations = [
  ...projectAuthMigrations,
  ...tokenStoreMigrations,
  ...metadataRefreshMigrations,
  ...metadataEventsMigrations,
  ...chainEventsMigrations,
];
