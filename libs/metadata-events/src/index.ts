export { MetadataEventsModule } from './metadata-events.module.js';
export type { MetadataEventsExtras } from './metadata-events.module.js';
export { metadataEventsOptions } from './metadata-events.options.js';
export type { MetadataEventsOptions } from './metadata-events.options.js';
export { MetadataEvents } from './metadata-events.js';
export type { ConsumerOptions, EventHandler } from './metadata-events.js';
export { METADATA_EVENT_TYPES } from './metadata-event.js';
export type {
  CollectionMetadataChanged,
  MetadataEvent,
  MetadataEventOf,
  MetadataEventType,
  RefreshCompleted,
  RevealBlocked,
  RevealPublished,
  RevealReverted,
  TokenMetadataChanged,
} from './metadata-event.js';
export { EventDelivery } from './event-delivery.js';
export { EVENT_CHANNEL } from './event-publisher.js';
export { EventOverview } from './event-overview.js';
export type {
  EventProblems,
  ShownConsumer,
  ShownDelivery,
  ShownWebhook,
  WebhookPage,
  WebhookState,
} from './event-overview.js';
export { EventRetention } from './event-retention.js';
export { EventStatusReader } from './event-status.js';
export type { EventStatus, ReaderStatus } from './event-status.js';
export { WebhookCounts } from './webhook-counts.js';
export type { DisabledCount, WebhookCount } from './webhook-counts.js';
export { Webhooks } from './webhooks.js';
export type { NewWebhook, Webhook, WebhookChange, WebhookDelivery, WebhookTest } from './webhooks.js';
export {
  ConsumerNameTaken,
  InvalidConsumerName,
  InvalidTriggers,
  InvalidWebhook,
  WebhookLimitReached,
  WebhookNotFound,
  WebhookTestRunning,
} from './metadata-events.errors.js';
export { metadataEventsMigrations } from './migrations/index.js';
