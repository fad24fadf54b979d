import { ListingsMigration } from './2026-11-21-listings.migration.js';
import { ListingSearchMigration } from './2026-11-28-listing-search.migration.js';

export const listingMigrations = [
  { name: 'marketplace-2026-11-21-listings', class: ListingsMigration },
  { name: 'marketplace-2026-11-28-listing-search', class: ListingSearchMigration },
];
