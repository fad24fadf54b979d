import { MetadataEventsMigration } from './2026-11-28-metadata-events.migration.js';
import { CollectionEventsMigration } from './2026-11-30-collection-events.migration.js';
import { EventTriggersMigration } from './2026-11-29-event-triggers.migration.js';
import { ConsoleTriggerMigration } from './2026-11-30-console-trigger.migration.js';
import { RevealEventsMigration } from './2026-11-30-reveal-events.migration.js';

/** For `migrations.migrationsList` of a host or of this service, in this order. A published name never changes. */
export const metadataEventsMigrations = [
  { name: 'nft-metadata-2026-11-28-metadata-events', class: MetadataEventsMigration },
  { name: 'nft-metadata-2026-11-29-event-triggers', class: EventTriggersMigration },
  { name: 'nft-metadata-2026-11-30-collection-events', class: CollectionEventsMigration },
  { name: 'nft-metadata-2026-11-30-reveal-events', class: RevealEventsMigration },
  { name: 'nft-metadata-2026-11-30-webhooks-console-trigger', class: ConsoleTriggerMigration },
];
