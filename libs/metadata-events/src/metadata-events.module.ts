import { EventOutbox } from '@app/metadata-refresh';
import { MikroORM } from '@mikro-orm/core';
import { getMikroORMToken } from '@mikro-orm/nestjs';
import { EntityManager } from '@mikro-orm/postgresql';
import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { BackgroundDelivery } from './background-delivery.js';
import { DatabaseEventOutbox } from './database-event-outbox.js';
import { EventCursors } from './event-cursors.js';
import { EventDelivery } from './event-delivery.js';
import { EventPublisher } from './event-publisher.js';
import { EventReader } from './event-reader.js';
import { EventRetention } from './event-retention.js';
import { MetadataEvents } from './metadata-events.js';
import { completeConfig, METADATA_EVENTS_CONFIG, type MetadataEventsOptions } from './metadata-events.options.js';
import { WebhookClient } from './webhook-client.js';
import { WebhookSubscribers } from './webhook-subscribers.js';
import { Webhooks } from './webhooks.js';

/** What shapes the module. */
export interface MetadataEventsExtras {
  /**
   * Whether events are delivered while the application runs, and old ones go once an hour. Off: the host calls
   * `EventDelivery` and `EventRetention` as it likes, or this process only writes events for others to deliver.
   */
  delivers?: boolean;
  /** The name of the host's MikroORM connection to the database with our tables; absent: the one without a name. */
  contextName?: string | undefined;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<MetadataEventsOptions>({
  moduleName: 'MetadataEvents',
  optionsInjectionToken: Symbol('MetadataEventsOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<MetadataEventsExtras>(
    { delivers: false, contextName: undefined },
    (module, { delivers, contextName }) => ({
      ...module,
      // Always: refreshing finds the outbox here, and would not write events without it.
      global: true,
      providers: [
        ...(module.providers ?? []),
        // Of the host's connection with this name, and not one of a request.
        {
          provide: EntityManager,
          inject: [contextName === undefined ? MikroORM : getMikroORMToken(contextName)],
          useFactory: (orm: MikroORM) => orm.em,
        },
        ...(delivers ? [BackgroundDelivery] : []),
      ],
    }),
  )
  .build();

/**
 * Events, the outbox that they come from, consumers and webhooks. Events are written where this module is: import it in
 * every process that has a worker or accepts refreshes. Needs MetadataRefreshModule and MetadataFetchModule.
 */
@Module({
  providers: [
    { provide: METADATA_EVENTS_CONFIG, inject: [MODULE_OPTIONS_TOKEN], useFactory: completeConfig },
    { provide: EventOutbox, useClass: DatabaseEventOutbox },
    MetadataEvents,
    EventCursors,
    EventPublisher,
    EventReader,
    EventDelivery,
    EventRetention,
    WebhookClient,
    WebhookSubscribers,
    Webhooks,
  ],
  exports: [EventOutbox, EventDelivery, EventRetention, MetadataEvents, Webhooks],
})
export class MetadataEventsModule extends ConfigurableModuleClass {
  static override forRoot(options: MetadataEventsOptions & MetadataEventsExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
