import { ListingsMigration } from './2026-11-21-listings.migration.js';

export const listingMigrations = [{ name: 'marketplace-2026-11-21-listings', class: ListingsMigration }];
