import { TokenStoreMigration } from './2026-11-28-token-store.migration.js';
import { CollectionProfilesMigration } from './2026-11-29-collection-profiles.migration.js';
import { PushedMetadataMigration } from './2026-11-29-pushed-metadata.migration.js';
import { RegistrationTimesMigration } from './2026-11-29-registration-times.migration.js';
import { StagedDocumentsMigration } from './2026-11-30-staged-documents.migration.js';
import { TokenVersionsMigration } from './2026-11-29-token-versions.migration.js';
import { StacksMigration } from './2026-11-30-stacks.migration.js';

/** For `migrations.migrationsList` of the host application. In order; a published name never changes. */
export const tokenStoreMigrations = [
  { name: 'nft-metadata-2026-11-28-token-store', class: TokenStoreMigration },
  { name: 'nft-metadata-2026-11-29-token-versions', class: TokenVersionsMigration },
  { name: 'nft-metadata-2026-11-29-registration-times', class: RegistrationTimesMigration },
  { name: 'nft-metadata-2026-11-29-pushed-metadata', class: PushedMetadataMigration },
  { name: 'nft-metadata-2026-11-29-collection-profiles', class: CollectionProfilesMigration },
  { name: 'nft-metadata-2026-11-30-stacks', class: StacksMigration },
  { name: 'nft-metadata-2026-11-30-staged-documents', class: StagedDocumentsMigration },
];
