import { ListingsMigration } from './2026-11-28-listings.migration.js';

export const listingMigrations = [{ name: 'marketplace-2026-11-28-listings', class: ListingsMigration }];
